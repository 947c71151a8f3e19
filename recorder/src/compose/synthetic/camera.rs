//! A picture in every simulcast layer: halved from layer to layer and encoded as VP8.

use ffmpeg::codec::Context;
use ffmpeg::format::Pixel;
use ffmpeg::frame::Video;
use ffmpeg::{Dictionary, Packet, encoder, picture};
use ffmpeg_next as ffmpeg;

use super::{LAYERS, SyntheticFrame, VIDEO_FPS};

/// The encoders of all layers, smallest first.
pub(super) struct Camera {
    layers: Vec<Layer>,
    pictures: i64,
}

struct Layer {
    encoder: encoder::video::Encoder,
    picture: Video,
}

impl Camera {
    pub(super) fn open() -> Result<Self, ffmpeg::Error> {
        let layers = LAYERS
            .into_iter()
            .map(|(width, height, bitrate_bps)| {
                Ok(Layer {
                    encoder: open_vp8(width, height, bitrate_bps)?,
                    picture: Video::new(Pixel::YUV420P, width, height),
                })
            })
            .collect::<Result<Vec<_>, ffmpeg::Error>>()?;
        Ok(Camera {
            layers,
            pictures: 0,
        })
    }

    /// The picture to draw on before [`Camera::encode`]: the largest layer's.
    pub(super) fn picture(&mut self) -> &mut Video {
        let largest = self.layers.last_mut().expect("there are layers");
        &mut largest.picture
    }

    /// What is drawn, in every layer. A layer that its encoder drops is missing.
    pub(super) fn encode(&mut self, force_keyframe: [bool; 3]) -> Vec<SyntheticFrame> {
        for smaller in (0..self.layers.len() - 1).rev() {
            let (below, above) = self.layers.split_at_mut(smaller + 1);
            halve(&above[0].picture, &mut below[smaller].picture);
        }
        let pts = self.pictures;
        self.pictures += 1;
        self.layers
            .iter_mut()
            .zip(force_keyframe)
            .enumerate()
            .filter_map(|(index, (layer, keyframe))| {
                let (keyframe, data) = layer.encode(pts, keyframe).ok()??;
                Some(SyntheticFrame {
                    layer: index as u8,
                    keyframe,
                    data,
                })
            })
            .collect()
    }
}

impl Layer {
    fn encode(
        &mut self,
        pts: i64,
        keyframe: bool,
    ) -> Result<Option<(bool, Vec<u8>)>, ffmpeg::Error> {
        self.picture.set_pts(Some(pts));
        self.picture.set_kind(if keyframe {
            picture::Type::I
        } else {
            picture::Type::None
        });
        self.encoder.send_frame(&self.picture)?;
        let mut packet = Packet::empty();
        let mut made = None;
        while self.encoder.receive_packet(&mut packet).is_ok() {
            made = packet.data().map(|data| (packet.is_key(), data.to_vec()));
        }
        Ok(made)
    }
}

fn open_vp8(
    width: u32,
    height: u32,
    bitrate_bps: usize,
) -> Result<encoder::video::Encoder, ffmpeg::Error> {
    let codec = encoder::find_by_name("libvpx").ok_or(ffmpeg::Error::EncoderNotFound)?;
    let mut video = Context::new_with_codec(codec).encoder().video()?;
    video.set_width(width);
    video.set_height(height);
    video.set_format(Pixel::YUV420P);
    video.set_time_base((1, VIDEO_FPS as i32));
    video.set_frame_rate(Some((VIDEO_FPS as i32, 1)));
    video.set_bit_rate(bitrate_bps);
    // Keyframes on demand only, as a browser makes them.
    video.set_gop(1_000_000);
    let mut options = Dictionary::new();
    options.set("deadline", "realtime");
    options.set("cpu-used", "16");
    options.set("lag-in-frames", "0");
    options.set("threads", "1");
    video.open_as_with(codec, options)
}

/// A picture at half its width and height: the mean of each four pixels.
fn halve(from: &Video, into: &mut Video) {
    for plane in 0..3 {
        let (wide, high) = (
            into.plane_width(plane) as usize,
            into.plane_height(plane) as usize,
        );
        let (source_stride, stride) = (from.stride(plane), into.stride(plane));
        let source = from.data(plane);
        let target = into.data_mut(plane);
        for row in 0..high {
            let upper = &source[2 * row * source_stride..];
            let lower = &upper[source_stride..];
            let pairs = upper.chunks_exact(2).zip(lower.chunks_exact(2));
            let line = &mut target[row * stride..row * stride + wide];
            for (pixel, (above, below)) in line.iter_mut().zip(pairs) {
                let sum = u16::from(above[0])
                    + u16::from(above[1])
                    + u16::from(below[0])
                    + u16::from(below[1]);
                *pixel = ((sum + 2) / 4) as u8;
            }
        }
    }
}
