use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::Moment;
use super::ban::Ban;
use super::person::Subject;
use crate::access::Identity;

/// All bans, for looking up. What one look-up costs does not depend on how many there are.
#[derive(Debug, Default)]
pub(crate) struct Bans {
    identities: HashMap<Identity, Arc<Ban>>,
    networks: HashMap<IpNet, Arc<Ban>>,
    /// The prefix lengths among `networks`, of IPv4 (32 bits) and of IPv6 (128 bits): at most 33 and 65.
    lengths: BTreeMap<(u8, u8), ()>,
}

impl Bans {
    pub(crate) fn len(&self) -> usize {
        self.identities.len() + self.networks.len()
    }

    /// The ban that keeps out this identity, or else this address.
    pub(crate) fn find(
        &self,
        now: Moment,
        identity: &Identity,
        address: Option<IpAddr>,
    ) -> Option<&Arc<Ban>> {
        self.identities
            .get(identity)
            .filter(|ban| ban.holds(now))
            .or_else(|| address.and_then(|address| self.find_address(now, address)))
    }

    fn find_address(&self, now: Moment, address: IpAddr) -> Option<&Arc<Ban>> {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        self.lengths
            .range((bits, 0)..=(bits, bits))
            .rev()
            .filter_map(|((_, length), ())| Some(IpNet::new(address, *length).ok()?.trunc()))
            .filter_map(|net| self.networks.get(&net))
            .find(|ban| ban.holds(now))
    }
}

impl FromIterator<Ban> for Bans {
    fn from_iter<T: IntoIterator<Item = Ban>>(bans: T) -> Self {
        let mut all = Self::default();
        for ban in bans {
            match &ban.subject {
                Subject::Identity(identity) => {
                    all.identities.insert(identity.clone(), Arc::new(ban));
                }
                Subject::Address(network) => {
                    let net = network.net();
                    all.lengths.insert((net.max_prefix_len(), net.prefix_len()), ());
                    all.networks.insert(net, Arc::new(ban));
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::ban::tests::{NOW, ban};
    use super::*;

    fn who(identity: &str) -> Identity {
        identity.parse().expect("an identity")
    }

    fn find<'a>(bans: &'a Bans, identity: &str, address: &str) -> Option<&'a str> {
        let address = address.parse().ok();
        bans.find(NOW, &who(identity), address).map(|ban| ban.id.as_str())
    }

    #[test]
    fn who_is_named_is_kept_out_and_nobody_else() {
        let bans: Bans =
            [ban("identity", "eve", None), ban("address", "192.0.2.7", None)].into_iter().collect();
        assert_eq!(find(&bans, "eve", "198.51.100.1"), Some("ban of eve"));
        assert_eq!(find(&bans, "ada", "192.0.2.7"), Some("ban of 192.0.2.7"));
        assert_eq!(find(&bans, "ada", "192.0.2.8"), None);
        assert_eq!(find(&bans, "EVE", ""), None, "another identity");
    }

    #[test]
    fn a_network_keeps_out_all_its_hosts() {
        let bans: Bans =
            ["192.0.2.0/24", "2001:db8::/32"].into_iter().map(|net| ban("address", net, None)).collect();
        assert!(find(&bans, "x", "192.0.2.255").is_some());
        assert!(find(&bans, "x", "2001:db8:ffff::1").is_some());
        assert_eq!(find(&bans, "x", "192.0.3.0"), None);
        assert_eq!(find(&bans, "x", "2001:db9::"), None);
    }

    #[test]
    fn a_ban_ends_and_a_wider_one_may_go_on() {
        let hour = Duration::from_secs(3600);
        let bans: Bans = [
            ban("address", "192.0.2.7", Some(NOW.after(hour))),
            ban("address", "192.0.2.0/24", Some(NOW.after(2 * hour))),
            ban("identity", "eve", Some(NOW.after(hour))),
        ]
        .into_iter()
        .collect();
        let address = "192.0.2.7".parse().ok();
        let found = |now: Moment| bans.find(now, &who("ada"), address).map(|ban| ban.id.as_str());
        assert_eq!(found(NOW), Some("ban of 192.0.2.7"), "the closest");
        assert_eq!(found(NOW.after(hour)), Some("ban of 192.0.2.0/24"));
        assert_eq!(found(NOW.after(2 * hour)), None);
        assert!(bans.find(NOW.after(hour), &who("eve"), None).is_none());
    }

    #[test]
    fn a_look_up_costs_the_same_among_many() {
        let many: Bans = (0..200_000u32)
            .map(|number| ban("address", &std::net::Ipv4Addr::from_bits(number).to_string(), None))
            .collect();
        let address = Some(IpAddr::from([198, 51, 100, 1]));
        let begun = Instant::now();
        let ada = who("ada");
        (0..10_000).for_each(|_| assert!(many.find(NOW, &ada, address).is_none()));
        // Looking through all of them would take a minute.
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
}
