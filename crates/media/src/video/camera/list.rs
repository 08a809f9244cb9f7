use std::panic::catch_unwind;

use nokhwa::utils::{ApiBackend, CameraIndex, CameraInfo};

use super::error::{camera_error, from_nokhwa};
use crate::{CameraChoice, Device, DeviceError, DeviceErrorCode};

/// A camera as the user and as the backend call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Camera {
    pub(super) device: Device,
    pub(super) index: CameraIndex,
}

/// The cameras that are plugged in, in the system's order.
pub fn list() -> Result<Vec<Device>, DeviceError> {
    Ok(cameras()?.into_iter().map(|camera| camera.device).collect())
}

/// The camera that is meant, by id, position or label.
pub(super) fn find(choice: &CameraChoice) -> Result<Camera, DeviceError> {
    select(cameras()?, choice)
}

fn cameras() -> Result<Vec<Camera>, DeviceError> {
    // The Linux backend panics when something in /dev is called "video" without a number.
    let found = catch_unwind(|| nokhwa::query(ApiBackend::Auto))
        .map_err(|_| camera_error(DeviceErrorCode::Failed, "the cameras cannot be listed"))?
        .map_err(|error| from_nokhwa(&error))?;
    let mut cameras: Vec<Camera> = found.iter().filter(|info| is_camera(info)).map(describe).collect();
    // The backend gives them in the order of the file system.
    cameras.sort_by_key(|camera| camera.index.as_index().unwrap_or(u32::MAX));
    Ok(cameras)
}

#[cfg(target_os = "linux")]
fn is_camera(info: &CameraInfo) -> bool {
    info.index().as_index().is_ok_and(super::linux::is_camera)
}

#[cfg(not(target_os = "linux"))]
fn is_camera(_: &CameraInfo) -> bool {
    true
}

fn describe(info: &CameraInfo) -> Camera {
    let index = info.index().clone();
    Camera { device: Device { id: index.as_string(), label: info.human_name() }, index }
}

fn select(cameras: Vec<Camera>, choice: &CameraChoice) -> Result<Camera, DeviceError> {
    let not_found = |message: String| camera_error(DeviceErrorCode::NotFound, message);
    match choice {
        CameraChoice::Default => {
            cameras.into_iter().next().ok_or_else(|| not_found("there is no camera".to_owned()))
        }
        CameraChoice::Device(wanted) => {
            let by_id = cameras.iter().position(|camera| camera.device.id == *wanted);
            by_id
                .or_else(|| cameras.iter().position(|camera| camera.device.label == *wanted))
                .and_then(|position| cameras.into_iter().nth(position))
                .ok_or_else(|| not_found(format!("there is no camera {wanted:?}")))
        }
        CameraChoice::None | CameraChoice::Pattern | CameraChoice::File(_) => {
            Err(not_found("the choice is not a camera".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera(index: u32, label: &str) -> Camera {
        Camera {
            device: Device { id: index.to_string(), label: label.to_owned() },
            index: CameraIndex::Index(index),
        }
    }

    #[test]
    fn a_camera_is_found_by_id_and_by_label() {
        let cameras = || vec![camera(0, "Integrated"), camera(2, "USB"), camera(4, "2")];
        let select = |choice: &CameraChoice| select(cameras(), choice).map(|camera| camera.device.label);
        assert_eq!(select(&CameraChoice::Default), Ok("Integrated".to_owned()));
        assert_eq!(select(&CameraChoice::Device("2".to_owned())), Ok("USB".to_owned()));
        assert_eq!(select(&CameraChoice::Device("USB".to_owned())), Ok("USB".to_owned()));
        for missing in ["1", "usb", ""] {
            let error = select(&CameraChoice::Device(missing.to_owned())).expect_err("not there");
            assert_eq!(error.code, DeviceErrorCode::NotFound);
        }
    }

    #[test]
    fn no_camera_at_all_is_not_found() {
        let error = select(Vec::new(), &CameraChoice::Default).expect_err("none there");
        assert_eq!(error.code, DeviceErrorCode::NotFound);
    }
}
