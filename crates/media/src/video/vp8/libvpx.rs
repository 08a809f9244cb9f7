//! The only place that calls libvpx: contexts that are destroyed exactly once, images that borrow what they point to,
//! and error codes as a type. What to set and when is decided in the modules beside this one.
#![allow(unsafe_code, reason = "libvpx is a C library; every call is wrapped here")]

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::raw::{c_int, c_uint};
use std::ptr;
use std::time::Instant;

use vpx_sys::{
    VPX_DECODER_ABI_VERSION, VPX_DL_REALTIME, VPX_EFLAG_FORCE_KF, VPX_ENCODER_ABI_VERSION, VPX_FRAME_IS_KEY,
    vp8_dec_control_id, vp8e_enc_control_id, vpx_codec_control_, vpx_codec_ctx_t, vpx_codec_cx_pkt_kind,
    vpx_codec_dec_cfg_t, vpx_codec_dec_init_ver, vpx_codec_decode, vpx_codec_destroy, vpx_codec_enc_cfg_t,
    vpx_codec_enc_config_default, vpx_codec_enc_config_set, vpx_codec_enc_init_ver, vpx_codec_encode,
    vpx_codec_err_t, vpx_codec_err_to_string, vpx_codec_get_cx_data, vpx_codec_get_frame, vpx_codec_vp8_cx,
    vpx_codec_vp8_dx, vpx_image_t, vpx_img_fmt, vpx_img_wrap,
};

use crate::video::{Frame, FrameError};

/// What libvpx says went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("libvpx: {0}")]
pub struct CodecError(String);

/// A VP8 encoder context and its configuration.
pub(super) struct RawEncoder {
    context: vpx_codec_ctx_t,
    config: vpx_codec_enc_cfg_t,
}

/// A VP8 decoder context.
pub(super) struct RawDecoder {
    context: vpx_codec_ctx_t,
}

/// A compressed frame, valid until the next call of the encoder.
pub(super) struct RawPacket<'a> {
    pub(super) data: &'a [u8],
    pub(super) key: bool,
}

// SAFETY: a context owns all it points to and has no thread affinity; libvpx only forbids concurrent calls, which
// `&mut self` on every method rules out. The pointers of the configuration (two-pass statistics) are null.
unsafe impl Send for RawEncoder {}
// SAFETY: as for `RawEncoder`.
unsafe impl Send for RawDecoder {}

/// libvpx's defaults for VP8, to change before [`RawEncoder::new`].
pub(super) fn default_config() -> Result<vpx_codec_enc_cfg_t, CodecError> {
    let mut config = MaybeUninit::uninit();
    // SAFETY: on success libvpx has filled in the whole structure.
    unsafe {
        check(vpx_codec_enc_config_default(vpx_codec_vp8_cx(), config.as_mut_ptr(), 0))?;
        Ok(config.assume_init())
    }
}

impl RawEncoder {
    pub(super) fn new(config: vpx_codec_enc_cfg_t) -> Result<Self, CodecError> {
        let mut context = MaybeUninit::zeroed();
        // SAFETY: libvpx copies the configuration and initialises the context, which is not used if that fails. The
        // context may be moved: libvpx keeps no pointer to it.
        unsafe {
            check(vpx_codec_enc_init_ver(
                context.as_mut_ptr(),
                vpx_codec_vp8_cx(),
                &config,
                0,
                VPX_ENCODER_ABI_VERSION as c_int,
            ))?;
            Ok(Self { context: context.assume_init(), config })
        }
    }

    /// Sets a control that takes one integer.
    pub(super) fn control(&mut self, control: vp8e_enc_control_id, value: i32) -> Result<(), CodecError> {
        // SAFETY: all VP8 controls that the encoder module uses take an `int` or `unsigned int`.
        check(unsafe { vpx_codec_control_(&mut self.context, control as c_int, value as c_int) })
    }

    /// Changes the bitrate from the next picture on.
    pub(super) fn set_bitrate(&mut self, kilobits_per_second: u32) -> Result<(), CodecError> {
        self.config.rc_target_bitrate = kilobits_per_second;
        // SAFETY: the context is initialised; the configuration is copied.
        check(unsafe { vpx_codec_enc_config_set(&mut self.context, &self.config) })
    }

    /// Compresses one picture of the configured size; times are in units of the configured time base. `None` when the
    /// rate control dropped it.
    pub(super) fn encode(
        &mut self,
        frame: &Frame,
        time: i64,
        duration: u32,
        force_key_frame: bool,
    ) -> Result<Option<RawPacket<'_>>, CodecError> {
        let image = borrow_image(frame)?;
        let flags = if force_key_frame { i64::from(VPX_EFLAG_FORCE_KF) } else { 0 };
        // SAFETY: the image points into `frame`, which outlives the call; libvpx only reads it and copies it. Packets
        // stay valid until the next call on the context, which the borrow of `self` rules out.
        unsafe {
            check(vpx_codec_encode(
                &mut self.context,
                &image,
                time,
                duration.into(),
                flags as _,
                VPX_DL_REALTIME.into(),
            ))?;
            let mut position = ptr::null();
            while let Some(packet) = vpx_codec_get_cx_data(&mut self.context, &mut position).as_ref() {
                if packet.kind == vpx_codec_cx_pkt_kind::VPX_CODEC_CX_FRAME_PKT {
                    let frame = packet.data.frame;
                    let data = std::slice::from_raw_parts(frame.buf.cast::<u8>(), frame.sz as usize);
                    return Ok(Some(RawPacket { data, key: frame.flags & VPX_FRAME_IS_KEY != 0 }));
                }
            }
            Ok(None)
        }
    }
}

impl Drop for RawEncoder {
    fn drop(&mut self) {
        // SAFETY: the context is initialised and not used afterwards.
        unsafe { vpx_codec_destroy(&mut self.context) };
    }
}

impl RawDecoder {
    pub(super) fn new(threads: u32) -> Result<Self, CodecError> {
        let config = vpx_codec_dec_cfg_t { threads, w: 0, h: 0 };
        let mut context = MaybeUninit::zeroed();
        // SAFETY: as in `RawEncoder::new`.
        unsafe {
            check(vpx_codec_dec_init_ver(
                context.as_mut_ptr(),
                vpx_codec_vp8_dx(),
                &config,
                0,
                VPX_DECODER_ABI_VERSION as c_int,
            ))?;
            Ok(Self { context: context.assume_init() })
        }
    }

    /// Decodes one frame, which must not be empty. `None` when it is not to be shown.
    pub(super) fn decode(&mut self, data: &[u8], decoded: Instant) -> Result<Option<Frame>, CodecError> {
        let length =
            c_uint::try_from(data.len()).map_err(|_| CodecError("the frame is too long".to_owned()))?;
        let mut corrupted: c_int = 0;
        // SAFETY: libvpx reads `length` bytes during the call. The image that it returns stays valid until the next
        // call on the context and is copied before.
        unsafe {
            check(vpx_codec_decode(&mut self.context, data.as_ptr(), length, ptr::null_mut(), 0))?;
            let control = vp8_dec_control_id::VP8D_GET_FRAME_CORRUPTED as c_int;
            check(vpx_codec_control_(&mut self.context, control, &raw mut corrupted))?;
            if corrupted != 0 {
                return Err(CodecError("the frame is truncated".to_owned()));
            }
            let mut position = ptr::null();
            match vpx_codec_get_frame(&mut self.context, &mut position).as_ref() {
                Some(image) => {
                    copy_image(image, decoded).map(Some).map_err(|error| CodecError(error.to_string()))
                }
                None => Ok(None),
            }
        }
    }
}

impl Drop for RawDecoder {
    fn drop(&mut self) {
        // SAFETY: the context is initialised and not used afterwards.
        unsafe { vpx_codec_destroy(&mut self.context) };
    }
}

/// An image for reading that points into `frame`.
fn borrow_image(frame: &Frame) -> Result<vpx_image_t, CodecError> {
    let size = frame.size();
    let mut image = MaybeUninit::<vpx_image_t>::zeroed();
    // SAFETY: `vpx_img_wrap` fills in the structure and allocates nothing. Its planes assume padded rows for odd
    // widths, so they and the strides are set again to the frame's own.
    unsafe {
        let data = frame.data().as_ptr().cast_mut();
        let wrapped = vpx_img_wrap(
            image.as_mut_ptr(),
            vpx_img_fmt::VPX_IMG_FMT_I420,
            size.width(),
            size.height(),
            1,
            data,
        );
        if wrapped.is_null() {
            return Err(CodecError("the picture has a size that cannot be encoded".to_owned()));
        }
        let mut image = image.assume_init();
        for (index, plane) in frame.planes().into_iter().enumerate() {
            image.planes[index] = plane.as_ptr().cast_mut();
            let stride = if index == 0 { size.width() } else { size.chroma_width() };
            image.stride[index] = stride as c_int;
        }
        Ok(image)
    }
}

/// Copies a decoded image.
///
/// # Safety
/// The image's planes must be readable for its size and strides.
unsafe fn copy_image(image: &vpx_image_t, decoded: Instant) -> Result<Frame, FrameError> {
    let size = crate::video::Size::new(image.d_w, image.d_h)?;
    let mut data = Vec::with_capacity(size.i420_len());
    for index in 0..3 {
        let (width, height) = if index == 0 {
            (size.width(), size.height())
        } else {
            (size.chroma_width(), size.chroma_height())
        };
        for row in 0..height as isize {
            let start = row * image.stride[index] as isize;
            // SAFETY: the row lies in the plane; see above.
            let line =
                unsafe { std::slice::from_raw_parts(image.planes[index].offset(start), width as usize) };
            data.extend_from_slice(line);
        }
    }
    Frame::from_i420(size.width(), size.height(), data, decoded)
}

fn check(code: vpx_codec_err_t) -> Result<(), CodecError> {
    if code == vpx_codec_err_t::VPX_CODEC_OK {
        return Ok(());
    }
    // SAFETY: libvpx returns a static, terminated text for every code.
    let text = unsafe { CStr::from_ptr(vpx_codec_err_to_string(code)) };
    Err(CodecError(text.to_string_lossy().into_owned()))
}
