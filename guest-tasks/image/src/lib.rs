//! Pictures in, pictures out.
//!
//! It shows the use of a sandbox: decoders of pictures parse what strangers
//! send, and a fault in one should cost one task and nothing else.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, ImageReader};

wit_bindgen::generate!({ path: "wit", world: "image" });

struct Image;

impl Guest for Image {
    fn thumbnail(image: Vec<u8>, max_side: u32) -> Result<Vec<u8>, String> {
        if max_side == 0 {
            return Err("a thumbnail needs at least one pixel: max-side is 0".to_owned());
        }
        let picture = reader(&image)?
            .decode()
            .map_err(|e| format!("cannot decode the picture: {e}"))?;
        let small = shrink(picture, max_side);
        let mut png = Vec::new();
        small
            .write_to(&mut Cursor::new(&mut png), ImageFormat::Png)
            .map_err(|e| format!("cannot encode the thumbnail: {e}"))?;
        Ok(png)
    }

    fn dimensions(image: Vec<u8>) -> Result<(u32, u32), String> {
        reader(&image)?
            .into_dimensions()
            .map_err(|e| format!("cannot read the picture's head: {e}"))
    }
}

export!(Image);

/// Goes by the content: a task has bytes, and no file name to guess from.
fn reader(bytes: &[u8]) -> Result<ImageReader<Cursor<&[u8]>>, String> {
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|e| format!("cannot read the picture: {e}"))?;
    if reader.format().is_none() {
        return Err("neither a PNG nor a JPEG picture".to_owned());
    }
    Ok(reader)
}

fn shrink(picture: DynamicImage, max_side: u32) -> DynamicImage {
    if picture.width() <= max_side && picture.height() <= max_side {
        return picture;
    }
    picture.thumbnail(max_side, max_side)
}
