//! The language of a text.
//!
//! Two detectors judge a text: `whatlang` (trigram ranks, 69 languages, with a
//! confidence) and `whichlang` (a linear model of 16 languages, without one). Where they
//! agree they are right far more often than one of them is at the same coverage, above
//! all on short texts.

use whatlang::Lang;

/// Bytes of a text that are read. More text makes the answer hardly surer.
const MAX_BYTES: usize = 512;

/// Fewest letters of a text with an answer.
const MIN_LETTERS: usize = 4;

/// Lowest confidence of `whatlang` where `whichlang` agrees.
const MIN_AGREED_CONFIDENCE: f64 = 0.2;

/// Lowest confidence of `whatlang` in a language that `whichlang` does not know.
const MIN_LONE_CONFIDENCE: f64 = 0.9;

/// ISO 639-1 code of English.
pub const ENGLISH: &str = "en";

/// ISO 639-3 codes of the detectors, and the ISO 639-1 codes of these languages.
const TWO_LETTER_CODES: &[(&str, &str)] = &[
    ("afr", "af"),
    ("aka", "ak"),
    ("amh", "am"),
    ("ara", "ar"),
    ("aze", "az"),
    ("bel", "be"),
    ("ben", "bn"),
    ("bul", "bg"),
    ("cat", "ca"),
    ("ces", "cs"),
    ("cmn", "zh"),
    ("cym", "cy"),
    ("dan", "da"),
    ("deu", "de"),
    ("ell", "el"),
    ("eng", ENGLISH),
    ("epo", "eo"),
    ("est", "et"),
    ("fin", "fi"),
    ("fra", "fr"),
    ("guj", "gu"),
    ("heb", "he"),
    ("hin", "hi"),
    ("hrv", "hr"),
    ("hun", "hu"),
    ("hye", "hy"),
    ("ind", "id"),
    ("ita", "it"),
    ("jav", "jv"),
    ("jpn", "ja"),
    ("kan", "kn"),
    ("kat", "ka"),
    ("khm", "km"),
    ("kor", "ko"),
    ("lat", "la"),
    ("lav", "lv"),
    ("lit", "lt"),
    ("mal", "ml"),
    ("mar", "mr"),
    ("mkd", "mk"),
    ("mya", "my"),
    ("nep", "ne"),
    ("nld", "nl"),
    ("nob", "nb"),
    ("ori", "or"),
    ("pan", "pa"),
    ("pes", "fa"),
    ("pol", "pl"),
    ("por", "pt"),
    ("ron", "ro"),
    ("rus", "ru"),
    ("sin", "si"),
    ("slk", "sk"),
    ("slv", "sl"),
    ("sna", "sn"),
    ("spa", "es"),
    ("srp", "sr"),
    ("swe", "sv"),
    ("tam", "ta"),
    ("tel", "te"),
    ("tgl", "tl"),
    ("tha", "th"),
    ("tuk", "tk"),
    ("tur", "tr"),
    ("ukr", "uk"),
    ("urd", "ur"),
    ("uzb", "uz"),
    ("vie", "vi"),
    ("yid", "yi"),
    ("zul", "zu"),
];

/// The language that a text is written in: its ISO 639-1 code, or its ISO 639-3 code
/// where it has no other. `None` for a text whose language is uncertain, such as a name,
/// a number, or a few words that several languages share. Reads the first 512 bytes.
pub fn text_language(text: &str) -> Option<&'static str> {
    let text = &text[..text.floor_char_boundary(MAX_BYTES)];
    let letters = text.chars().filter(|c| c.is_alphabetic());
    if letters.take(MIN_LETTERS).count() < MIN_LETTERS {
        return None;
    }
    let found = whatlang::detect(text)?;
    let code = found.lang().code();
    let is_certain = if is_known_to_whichlang(found.lang()) {
        found.confidence() > MIN_AGREED_CONFIDENCE
            && whichlang::detect_language(text).three_letter_code() == code
    } else {
        found.confidence() > MIN_LONE_CONFIDENCE
    };
    is_certain.then(|| iso_code(code))
}

fn is_known_to_whichlang(language: Lang) -> bool {
    let mut known = whichlang::LANGUAGES.iter();
    known.any(|known| known.three_letter_code() == language.code())
}

/// The shortest ISO 639 code of a language.
fn iso_code(three_letters: &'static str) -> &'static str {
    match TWO_LETTER_CODES.binary_search_by_key(&three_letters, |(three, _)| three) {
        Ok(at) => TWO_LETTER_CODES[at].1,
        Err(_) => three_letters,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn sentences_have_their_language() {
        for (text, language) in [
            ("A warm jacket for rainy days in the mountains.", "en"),
            ("Eine warme Jacke für regnerische Tage in den Bergen.", "de"),
            ("Uma jaqueta quente para dias chuvosos na montanha.", "pt"),
            ("Una chaqueta abrigada para los días de lluvia.", "es"),
            ("Une veste chaude pour les jours de pluie.", "fr"),
            ("Тёплая куртка для дождливых дней в горах.", "ru"),
            ("山で雨の日に着る暖かいジャケット。", "ja"),
            ("适合山区雨天穿着的保暖夹克。", "zh"),
            ("산에서 비 오는 날을 위한 따뜻한 재킷", "ko"),
            ("سترة دافئة للأيام الممطرة في الجبال", "ar"),
            ("Ζεστό μπουφάν για βροχερές μέρες στο βουνό", "el"),
        ] {
            assert_eq!(text_language(text), Some(language), "{text}");
        }
    }

    #[test]
    fn uncertain_texts_have_none() {
        for text in [
            "",
            " \n",
            "12 345,67",
            "😀😀😀😀",
            "Ω",
            "XJ-9",
            "...",
            "a b",
            "\u{200b}",
        ] {
            assert_eq!(text_language(text), None, "{text:?}");
        }
    }

    #[test]
    fn signs_around_a_sentence_change_nothing() {
        let text = "🚗🚗 100% 4x4 -- Ein Dachträger für alle Fahrräder der Familie!!! 🚴 2024";
        assert_eq!(text_language(text), Some("de"));
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let text = "Тёплая куртка для дождливых дней. ".repeat(100_000);
        assert_eq!(text_language(&text), Some("ru"));
        assert_eq!(
            text_language(&"é".repeat(1 << 20)),
            text_language(&"é".repeat(256))
        );
    }

    #[test]
    fn every_language_has_one_code() {
        assert!(TWO_LETTER_CODES.is_sorted_by_key(|(three, _)| three));
        let codes: HashSet<_> = Lang::all()
            .iter()
            .map(|lang| iso_code(lang.code()))
            .collect();
        assert_eq!(codes.len(), Lang::all().len());
        assert!(codes.iter().all(|code| code.len() == 2));
        let known: HashSet<_> = Lang::all().iter().map(|lang| lang.code()).collect();
        let unknown = |lang: &&whichlang::Lang| !known.contains(lang.three_letter_code());
        assert_eq!(whichlang::LANGUAGES.iter().find(unknown), None);
    }
}
