//! Several servers as one.

mod broker;

#[expect(unused_imports, reason = "the hub does not use the broker yet")]
pub(crate) use broker::{
    Ask, Broker, BrokerHandle, BucketKey, Command, Event, Full, IdentityKey, NodeId, Party, SeekerRecord,
    SessionKey, Ticket,
};
#[doc(hidden)]
pub use broker::{Load, MeasureError, measure_pairing};
