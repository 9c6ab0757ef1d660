//! A scene as PNG. Its fonts come with the program, so that the picture is the
//! same on every machine. Other characters, such as Chinese ones, use the fonts
//! of the machine.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{FontResolver, Options, Tree, fontdb};

use super::options::Theme;
use super::scene::Scene;
use super::svg::{self, SvgTarget};
use crate::error::{ChartError, Result};

/// Pixels of the picture for each pixel of the scene.
const SCALE: f32 = 2.0;

/// The fonts that come with the program.
static BUILT_IN_FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    let all = [
        epaint_default_fonts::UBUNTU_LIGHT,
        epaint_default_fonts::HACK_REGULAR,
        epaint_default_fonts::NOTO_EMOJI_REGULAR,
        epaint_default_fonts::EMOJI_ICON,
    ];
    for font in all {
        fonts.load_font_source(fontdb::Source::Binary(Arc::new(font)));
    }
    use_first_family(&mut fonts);
    Arc::new(fonts)
});

/// Those and the fonts of the machine, which are loaded once, for the first
/// character that needs them.
static ALL_FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = BUILT_IN_FONTS.as_ref().clone();
    fonts.load_system_fonts();
    // Only the plain face of each, like the texts around it.
    let plain = |face: &fontdb::FaceInfo| {
        face.style == fontdb::Style::Normal
            && face.stretch == fontdb::Stretch::Normal
            && face.weight <= fontdb::Weight::NORMAL
    };
    let others: Vec<fontdb::ID> = fonts
        .faces()
        .filter(|face| !plain(face))
        .map(|face| face.id)
        .collect();
    others.into_iter().for_each(|face| fonts.remove_face(face));
    // Loading them replaced the default family.
    use_first_family(&mut fonts);
    Arc::new(fonts)
});

/// Makes the first font the default family.
fn use_first_family(fonts: &mut fontdb::Database) {
    let first = fonts
        .faces()
        .next()
        .and_then(|face| face.families.first())
        .map(|(name, _)| name.clone());
    if let Some(name) = first {
        fonts.set_sans_serif_family(&name);
        fonts.set_serif_family(name);
    }
}

/// The picture, and a note about characters that no font has.
///
/// # Errors
/// Too little memory for the picture.
pub fn write(scene: &Scene, theme: Theme) -> Result<(Vec<u8>, Option<String>)> {
    let fail = |reason: String| ChartError::Render {
        format: "png",
        reason,
    };
    let missing = Mutex::new(BTreeSet::new());
    let tree = {
        let default = FontResolver::default_fallback_selector();
        let options = Options {
            fontdb: Arc::clone(&BUILT_IN_FONTS),
            font_family: "sans-serif".to_string(),
            font_resolver: FontResolver {
                select_fallback: Box::new(|c, tried, fonts| {
                    let mut found = default(c, tried, fonts);
                    if found.is_none() {
                        // The built-in fonts keep their numbers.
                        *fonts = Arc::clone(&ALL_FONTS);
                        found = default(c, tried, fonts);
                    }
                    if found.is_none() {
                        let mut missing = missing.lock().unwrap_or_else(PoisonError::into_inner);
                        missing.insert(c);
                    }
                    found
                }),
                ..FontResolver::default()
            },
            ..Options::default()
        };
        let drawing = svg::write(scene, theme, SvgTarget::Pixels);
        Tree::from_str(&drawing, &options).map_err(|error| fail(error.to_string()))?
    };
    let pixels = |side: f64| (side * f64::from(SCALE)).round() as u32;
    let mut picture = Pixmap::new(pixels(scene.width), pixels(scene.height))
        .ok_or_else(|| fail("it is too large".to_string()))?;
    resvg::render(
        &tree,
        Transform::from_scale(SCALE, SCALE),
        &mut picture.as_mut(),
    );
    let bytes = picture
        .encode_png()
        .map_err(|error| fail(error.to_string()))?;
    let missing = missing.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok((bytes, missing_note(&missing)))
}

/// A note about characters that are boxes in the picture. Of each text, only the
/// first such character is known.
fn missing_note(missing: &BTreeSet<char>) -> Option<String> {
    let shown: Vec<String> = missing
        .iter()
        .filter(|c| !c.is_whitespace() && !c.is_control())
        .take(5)
        .map(char::to_string)
        .collect();
    (!shown.is_empty()).then(|| {
        format!(
            "no font on this machine has some characters, such as {}: install a font that has them, or write .svg or .html, which use the reader's fonts",
            shown.join(" ")
        )
    })
}
