//! A drawing as pixels, with fonts that come with the program: the picture is
//! the same on every machine. Characters that those lack, as Chinese ones, come
//! from the fonts of the machine.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{FontResolver, Options, Tree, fontdb};

use super::scene::Scene;
use super::spec::Theme;
use super::svg::{self, Use};
use crate::error::{Result, ShellError};

/// Pixels of the picture for each of the drawing.
const SCALE: f32 = 2.0;

/// The fonts that come with the program.
static OWN: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
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
    take_first(&mut fonts);
    Arc::new(fonts)
});

/// Those, and behind them the machine's: looked for once, and only where a text
/// has need of them.
static ALL: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = OWN.as_ref().clone();
    fonts.load_system_fonts();
    // Of each only the plain form, as what stands beside it is plain.
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
    // The machine's settings name another.
    take_first(&mut fonts);
    Arc::new(fonts)
});

/// Has the first font show all that it has.
fn take_first(fonts: &mut fontdb::Database) {
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

/// The picture, and the characters that no font has.
///
/// # Errors
/// If there is no memory for it.
pub fn write(scene: &Scene, theme: Theme) -> Result<(Vec<u8>, BTreeSet<char>)> {
    let fail =
        |why: String| ShellError::query(format!("the chart cannot be made a picture: {why}"));
    let missing = Mutex::new(BTreeSet::new());
    let tree = {
        let default = FontResolver::default_fallback_selector();
        let options = Options {
            fontdb: Arc::clone(&OWN),
            font_family: "sans-serif".to_string(),
            font_resolver: FontResolver {
                select_fallback: Box::new(|c, tried, fonts| {
                    let mut found = default(c, tried, fonts);
                    if found.is_none() {
                        // The fonts that are known keep their numbers.
                        *fonts = Arc::clone(&ALL);
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
        let drawing = svg::write(scene, theme, Use::Pixels);
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
    Ok((
        bytes,
        missing.into_inner().unwrap_or_else(PoisonError::into_inner),
    ))
}
