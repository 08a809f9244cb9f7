//! The own media: what is made of what devices and screen tell, and what the others are told of them.

use tracing::debug;
use visavis_call::Input;
use visavis_media::audio::system;
use visavis_media::video::screen::{self as screens, ScreenError};
use visavis_media::{DeviceList, ScreenChoice};
use visavis_protocol::MediaState;

use super::Actor;
use crate::api::Event;
use crate::devices;
use crate::inner::{Inner, tell};
use crate::screen::ScreenEvent;

impl Actor {
    pub(super) fn apply_active(&mut self) {
        self.devices.set_active(self.preview || self.joined_at.is_some());
        self.watch_network.send_replace(self.joined_at.is_some());
    }

    pub(super) fn own_media(&self) -> MediaState {
        MediaState { screen: self.screen.is_shown(), ..self.devices.media() }
    }

    pub(super) fn tell_media(&mut self) {
        let media = self.own_media();
        self.feed(Input::SetMedia { media });
    }

    pub(super) fn list_devices(&self) {
        let inner = self.inner.clone();
        tokio::task::spawn_blocking(move || tell(&inner, Inner::Devices(devices::list())));
    }

    pub(super) fn on_devices(&mut self, devices: DeviceList) {
        for device in self.devices.handle_present(&devices) {
            self.emit(Event::DeviceReturned { device });
        }
        self.emit(Event::Devices { devices });
        self.tell_media();
    }

    pub(super) fn share_screen(&mut self, choice: ScreenChoice, with_sound: bool) {
        if self.joined_at.is_none() {
            debug!("there is nobody to share a screen with");
            return;
        }
        if let Err(error) = self.screen.start(choice, with_sound) {
            self.stop_screen(Some(error));
        }
    }

    pub(super) fn stop_screen(&mut self, error: Option<ScreenError>) {
        if self.screen.stop() || error.is_some() {
            self.emit(Event::ScreenEnded { error });
            self.tell_media();
        }
    }

    pub(super) fn on_screen(&mut self, event: ScreenEvent) {
        match event {
            ScreenEvent::Started => {
                self.screen.handle_started();
                self.emit(Event::ScreenStarted);
                self.tell_media();
            }
            ScreenEvent::Failed(error) => self.stop_screen(Some(error)),
            ScreenEvent::Sound { on } => self.emit(Event::ScreenSound { on }),
        }
    }

    pub(super) fn list_screens(&self) {
        let inner = self.inner.clone();
        tokio::task::spawn_blocking(move || {
            let (screens, sound) = (screens::list(), system::is_available());
            tell(&inner, Inner::Screens { screens, sound });
        });
    }
}
