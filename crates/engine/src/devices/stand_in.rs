//! What becomes of a device that fails: whether the system's choice stands in for it, and when it is used again.

use std::collections::HashSet;

use visavis_media::{Device, DeviceErrorCode};

/// What the user chose, as far as it can be plugged in and out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Chosen {
    /// Nothing, or something made up.
    Synthetic,
    /// Whatever the system prefers.
    SystemChoice,
    Device(String),
}

/// What is used instead of what was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Using {
    Chosen,
    /// The system's choice, in place of the chosen device.
    SystemChoice,
    Nothing,
}

/// Follows one device. The choice itself is never changed: a device that comes back is used again.
#[derive(Debug)]
pub(crate) struct StandIn {
    /// Whether another device may take its place. No camera may: it could show what nobody is meant to see.
    is_replaceable: bool,
    chosen: Chosen,
    using: Using,
    /// Ids and labels of what was there last, once that is known; a device may be chosen by either.
    present: Option<HashSet<String>>,
}

impl StandIn {
    pub(crate) fn new(is_replaceable: bool, chosen: Chosen) -> Self {
        Self { is_replaceable, chosen, using: Using::Chosen, present: None }
    }

    pub(crate) fn choose(&mut self, chosen: Chosen) {
        self.chosen = chosen;
        self.using = Using::Chosen;
    }

    /// Whether anything can be plugged in or out that matters.
    pub(crate) fn is_real(&self) -> bool {
        self.chosen != Chosen::Synthetic
    }

    /// What was used failed. Tells whether to use the system's choice now.
    pub(crate) fn handle_failure(&mut self, code: DeviceErrorCode) -> bool {
        let is_gone = match code {
            DeviceErrorCode::NotFound | DeviceErrorCode::Lost | DeviceErrorCode::Stalled => true,
            DeviceErrorCode::Busy
            | DeviceErrorCode::Denied
            | DeviceErrorCode::UnsupportedFormat
            | DeviceErrorCode::File
            | DeviceErrorCode::Failed => false,
        };
        let has_stand_in = match (&self.chosen, self.using) {
            (Chosen::Device(_), Using::Chosen) => true,
            // The system may prefer another one by now.
            (Chosen::SystemChoice, Using::Chosen) => code == DeviceErrorCode::Lost,
            (Chosen::Synthetic, _) | (_, Using::SystemChoice | Using::Nothing) => false,
        };
        let stands_in = self.is_replaceable && is_gone && has_stand_in;
        self.using = if stands_in { Using::SystemChoice } else { Using::Nothing };
        stands_in
    }

    /// These devices are there now. Tells whether to use what was chosen, because it has come back.
    pub(crate) fn handle_present(&mut self, devices: &[Device]) -> bool {
        let present: HashSet<String> =
            devices.iter().flat_map(|device| [device.id.clone(), device.label.clone()]).collect();
        let Some(before) = self.present.replace(present.clone()) else { return false };
        let is_back = match (&self.chosen, self.using) {
            (_, Using::Chosen) | (Chosen::Synthetic, _) | (Chosen::SystemChoice, Using::SystemChoice) => {
                false
            }
            // A driver may go on listing a device that is gone, so only one that was away can come back.
            (Chosen::Device(wanted), _) => present.contains(wanted) && !before.contains(wanted),
            (Chosen::SystemChoice, Using::Nothing) => present.difference(&before).next().is_some(),
        };
        if is_back {
            self.using = Using::Chosen;
        }
        is_back
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn devices(ids: &[&str]) -> Vec<Device> {
        ids.iter().map(|id| Device { id: (*id).to_owned(), label: format!("The {id}") }).collect()
    }

    fn headset() -> StandIn {
        let mut stand_in = StandIn::new(true, Chosen::Device("headset".to_owned()));
        assert!(!stand_in.handle_present(&devices(&["built-in", "headset"])));
        stand_in
    }

    #[test]
    fn the_systems_choice_stands_in_until_the_device_is_back() {
        let mut stand_in = headset();
        assert!(stand_in.handle_failure(DeviceErrorCode::Lost));
        assert!(!stand_in.handle_present(&devices(&["built-in"])));
        assert!(stand_in.handle_present(&devices(&["built-in", "headset"])));
        assert!(!stand_in.handle_present(&devices(&["built-in", "headset"])));
        assert!(stand_in.handle_failure(DeviceErrorCode::Lost), "and again");
    }

    #[test]
    fn a_device_that_is_still_listed_is_not_tried_again_and_again() {
        let mut stand_in = headset();
        stand_in.handle_failure(DeviceErrorCode::Stalled);
        assert!(!stand_in.handle_present(&devices(&["built-in", "headset"])));
    }

    #[test]
    fn nothing_stands_in_for_a_stand_in_but_the_device_still_comes_back() {
        let mut stand_in = headset();
        stand_in.handle_failure(DeviceErrorCode::Lost);
        assert!(!stand_in.handle_failure(DeviceErrorCode::NotFound));
        stand_in.handle_present(&[]);
        assert!(stand_in.handle_present(&devices(&["headset"])));
    }

    #[test]
    fn a_device_chosen_by_its_label_comes_back_too() {
        let mut stand_in = StandIn::new(true, Chosen::Device("The headset".to_owned()));
        stand_in.handle_failure(DeviceErrorCode::NotFound);
        assert!(!stand_in.handle_present(&[]));
        assert!(stand_in.handle_present(&devices(&["headset"])));
    }

    #[test]
    fn what_is_there_but_cannot_be_used_is_not_replaced() {
        for code in [DeviceErrorCode::Busy, DeviceErrorCode::Denied, DeviceErrorCode::Failed] {
            assert!(!headset().handle_failure(code), "{code}");
        }
    }

    #[test]
    fn the_systems_choice_is_tried_again_when_it_is_lost_and_when_something_is_plugged_in() {
        let mut stand_in = StandIn::new(true, Chosen::SystemChoice);
        stand_in.handle_present(&devices(&["headset"]));
        assert!(stand_in.handle_failure(DeviceErrorCode::Lost));
        assert!(!stand_in.handle_failure(DeviceErrorCode::NotFound));
        assert!(!stand_in.handle_present(&[]));
        assert!(stand_in.handle_present(&devices(&["built-in"])));
    }

    #[test]
    fn what_is_listed_for_the_first_time_has_not_come_back() {
        let mut stand_in = StandIn::new(true, Chosen::SystemChoice);
        stand_in.handle_failure(DeviceErrorCode::Busy);
        assert!(!stand_in.handle_present(&devices(&["built-in"])));
    }

    #[test]
    fn no_camera_takes_the_place_of_another() {
        let mut stand_in = StandIn::new(false, Chosen::Device("desk".to_owned()));
        stand_in.handle_present(&devices(&["desk", "door"]));
        assert!(!stand_in.handle_failure(DeviceErrorCode::Lost));
        stand_in.handle_present(&devices(&["door"]));
        assert!(stand_in.handle_present(&devices(&["desk", "door"])));
    }

    #[test]
    fn a_new_choice_begins_anew() {
        let mut stand_in = headset();
        stand_in.handle_failure(DeviceErrorCode::Lost);
        stand_in.choose(Chosen::Synthetic);
        assert!(!stand_in.is_real() && !stand_in.handle_present(&devices(&["headset"])));
    }
}
