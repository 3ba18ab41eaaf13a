//! The demo's pictures. They are drawn here, so that nobody has to ask whose
//! they are, and then encoded as any other PNG and JPEG file.

use std::io::Cursor;

use anyhow::{Context, Result};
use image::{ImageFormat, Rgb, RgbImage};

/// A picture, encoded.
pub struct Picture {
    /// The file's name without its ending.
    pub name: &'static str,
    pub ending: &'static str,
    pub width: u32,
    pub height: u32,
    pub bytes: Vec<u8>,
}

/// The content of a picture: the colour at a point, where both coordinates go from 0 to
/// 1.
type Subject = fn(f64, f64) -> [u8; 3];

pub fn draw() -> Result<Vec<Picture>> {
    const PNG: ImageFormat = ImageFormat::Png;
    const JPEG: ImageFormat = ImageFormat::Jpeg;
    Ok(vec![
        encode("mandelbrot", (640, 480), mandelbrot, PNG)?,
        encode("plasma", (800, 600), plasma, JPEG)?,
        encode("sunset", (400, 700), sunset, JPEG)?,
        encode("chessboard", (512, 512), chessboard, PNG)?,
    ])
}

fn encode(
    name: &'static str,
    (width, height): (u32, u32),
    subject: Subject,
    format: ImageFormat,
) -> Result<Picture> {
    let picture = RgbImage::from_fn(width, height, |x, y| {
        let along = |at: u32, of: u32| f64::from(at) / f64::from(of);
        Rgb(subject(along(x, width), along(y, height)))
    });
    let mut bytes = Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, format)
        .with_context(|| format!("cannot encode the picture `{name}`"))?;
    Ok(Picture {
        name,
        ending: format.extensions_str().first().copied().unwrap_or_default(),
        width,
        height,
        bytes: bytes.into_inner(),
    })
}

/// A wave between dark and bright.
fn shade(phase: f64) -> u8 {
    // A float that becomes an integer stops at the integer's ends.
    (127.5 + 127.5 * phase.sin()) as u8
}

fn mandelbrot(x: f64, y: f64) -> [u8; 3] {
    const STEPS: u32 = 60;
    let (re, im) = (x * 3.2 - 2.3, y * 2.4 - 1.2);
    let (mut a, mut b) = (0.0, 0.0);
    for step in 0..STEPS {
        if a * a + b * b > 4.0 {
            let phase = f64::from(step) / 6.0;
            return [shade(phase), shade(phase + 1.0), shade(phase + 2.0)];
        }
        (a, b) = (a * a - b * b + re, 2.0 * a * b + im);
    }
    [0, 0, 0]
}

fn plasma(x: f64, y: f64) -> [u8; 3] {
    let distance = ((x - 0.4).powi(2) + (y - 0.6).powi(2)).sqrt();
    let phase = (x * 9.0).sin() + (y * 7.0 + x * 4.0).sin() + distance * 12.0;
    [shade(phase), shade(phase + 2.1), shade(phase + 4.2)]
}

fn sunset(x: f64, y: f64) -> [u8; 3] {
    let sun = (x - 0.5).hypot((y - 0.55) * 1.75) < 0.22;
    match y {
        _ if y > 0.7 => [20, 30, (90.0 - 60.0 * y) as u8],
        _ if sun => [255, 220, 120],
        _ => [(90.0 + 220.0 * y) as u8, (40.0 + 120.0 * y) as u8, 110],
    }
}

fn chessboard(x: f64, y: f64) -> [u8; 3] {
    let field = (x * 8.0) as u32 + (y * 8.0) as u32;
    if field.is_multiple_of(2) {
        [240, 217, 181]
    } else {
        [181, 136, 99]
    }
}
