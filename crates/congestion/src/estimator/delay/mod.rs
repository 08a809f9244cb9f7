//! What the delay of packets says of the path (draft-ietf-rmcat-gcc-02 section 5).

mod aimd;
mod inter_arrival;
mod link_capacity;
mod trendline;

pub(super) use aimd::Aimd;
pub(super) use inter_arrival::InterArrival;
pub(super) use trendline::{Trendline, Usage};
