//! Everything that is refused, each with words of its own.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::keys::Context;
use super::*;

/// Signs any bytes, as a publisher whose program is wrong would.
fn signed(bytes: &[u8], like: &Manifest, key: &SecretKey) -> Offer {
    Offer {
        v: 1,
        edition: like.edition,
        place: like.place.clone(),
        manifest: Digest::of(bytes),
        size: bytes.len() as u64,
        key: key.public().id(),
        signature: key.sign(Context::Manifest, bytes),
        keys_serial: 0,
    }
}

/// What is said of a manifest that was changed before it was signed.
fn changed(change: impl Fn(&mut Value)) -> Refusal {
    let manifest = manifest(5, 3);
    let mut value = serde_json::to_value(&manifest).unwrap();
    change(&mut value);
    let bytes = serde_json::to_vec(&value).unwrap();
    let offer = signed(&bytes, &manifest, &key(1));
    Manifest::open(&bytes, &offer, &ring(&[&key(1)]), &Expected::default()).unwrap_err()
}

#[test]
fn each_kind_of_bad_manifest_has_its_own_words() {
    let good = manifest(5, 3);
    let (bytes, offer) = good.seal(&key(1), 0).unwrap();
    let ours = ring(&[&key(1)]);
    let any = Expected::default();
    let open = |bytes: &[u8], offer: &Offer, expected: &Expected<'_>| {
        Manifest::open(bytes, offer, &ours, expected).unwrap_err()
    };
    let mut flipped = bytes.clone();
    flipped[100] ^= 1;
    let held = |number, manifest| Some(Held { edition: Edition { epoch: 1, number }, manifest });
    let (york, leeds) = ("york-1".into(), "leeds-1".into());
    let cases = [
        (open(&bytes[..bytes.len() / 2], &offer, &any), "cut off"),
        (open(b"", &offer, &any), "cut off: 0 of"),
        (open(&flipped, &offer, &any), "not the one that is offered"),
        (open(&flipped, &signed(&flipped, &good, &key(2)), &any), "does not know"),
        (open(&flipped, &Offer { manifest: Digest::of(&flipped), ..offer.clone() }, &any), "signature"),
        (open(&vec![b' '; MANIFEST_LEN_MAX + 1], &offer, &any), "are allowed"),
        (open(&bytes, &offer, &Expected { place: Some(&york), held: None }), "for the place \"leeds-1\""),
        (
            open(&bytes, &offer, &Expected { place: Some(&leeds), held: held(6, offer.manifest) }),
            "older than",
        ),
        (open(&bytes, &offer, &Expected { place: None, held: held(5, Digest([9; 32])) }), "given twice"),
        (
            open(&bytes, &Offer { edition: Edition { epoch: 9, number: 9 }, ..offer.clone() }, &any),
            "the offer was changed",
        ),
        (changed(|m| m["v"] = json!(2)), "version 2; this program reads version 1"),
        (changed(|m| m["v"] = json!("x")), "cannot be read"),
        (changed(|m| m["blobs"][1]["size"] = json!(0)), "blobs[1].size: it is 0"),
        (changed(|m| m["blobs"][1]["size"] = json!(u64::MAX)), "blobs[1].size: it is 18446744073709551615"),
        (changed(|m| m["blobs"][1]["size"] = json!(-1)), "invalid value"),
        (changed(|m| m["blobs"][1]["sha256"] = json!("../../etc/passwd")), "64 lower-case"),
        (changed(|m| m["blobs"][1] = m["blobs"][0].clone()), "blobs[1].sha256: the same as blobs[0]"),
        (changed(|m| m["blobs"] = json!([])), "is not among the blobs"),
        (changed(|m| m["catalogue"]["recordings"][0]["blobs"] = json!([])), "never be played"),
        (changed(|m| m["catalogue"]["recordings"][0]["id"] = json!("r1")), "catalogue.recordings[1]"),
        (changed(|m| m["catalogue"]["playlists"][0]["folder"] = json!("x")), "not folders"),
        (changed(|m| m["catalogue"]["loops"] = json!([{"id": "a", "folder": "x"}])), "loops[0].folder"),
        (
            changed(|m| m["catalogue"]["loops"] = json!([{"id": "a", "items": [{"recording": "none"}]}])),
            "catalogue.loops[0].items[0].recording",
        ),
        (changed(|m| m["program"]["place"]["id"] = json!("york-1")), "program.place.id"),
        (changed(|m| m["program"]["fallback"] = json!("nowhere")), "program.fallback"),
        (changed(|m| m["program"]["colour"] = json!(1)), "unknown field `colour`"),
        (changed(|m| m["number"] = json!(0)), "the offer was changed"),
    ];
    for (refusal, words) in &cases {
        assert!(refusal.to_string().contains(words), "{refusal}\n  does not say: {words}");
    }
    // The same number with the same content is what a repair asks for; a lower number of a higher epoch is newer.
    let mut later = good.clone();
    later.edition = Edition { epoch: 2, number: 1 };
    let (bytes, offer) = later.seal(&key(1), 0).unwrap();
    let expected = Expected { place: None, held: held(90, Digest([9; 32])) };
    assert_eq!(Manifest::open(&bytes, &offer, &ours, &expected), Ok(later));
}

#[test]
fn numbers_that_cannot_be_are_not_even_signed() {
    for (epoch, number) in [(0, 1), (1, 0), (1, NUMBER_MAX + 1), (u64::MAX, 1)] {
        let mut wrong = manifest(1, 1);
        wrong.edition = Edition { epoch, number };
        assert!(matches!(wrong.seal(&key(1), 0), Err(Refusal::Wrong { .. })), "{epoch} {number}");
    }
}

#[test]
fn offers_that_are_none_are_told() {
    let (_, offer) = manifest(5, 3).seal(&key(1), 0).unwrap();
    let text = String::from_utf8(offer.bytes()).unwrap();
    let cases = [
        ("".to_owned(), "cut off"),
        ("<!DOCTYPE html><title>Log in</title>".to_owned(), "no JSON"),
        (text[..40].to_owned(), "cut off"),
        (text.replace("\"v\": 1", "\"v\": 7"), "version 7"),
        (text.replace("\"place\"", "\"plaice\""), "place"),
        (" ".repeat(OFFER_LEN_MAX + 1), "are allowed"),
        (text.replace(&format!("\"size\": {}", offer.size), "\"size\": 99999999999"), "the manifest has"),
    ];
    for (text, words) in cases {
        let refusal = Offer::read(text.as_bytes()).unwrap_err().to_string();
        assert!(refusal.contains(words), "{refusal}\n  does not say: {words}");
    }
}

proptest! {
    /// Whatever is changed, cut, doubled or swapped in offer and manifest: it is refused, or it was not changed.
    #[test]
    fn nothing_that_was_changed_is_opened(at in 0_usize..100_000, bit in 0_u8..8, how in 0..5, of_offer: bool) {
        let good = manifest(5, 3);
        let (bytes, offer) = good.seal(&key(1), 0).unwrap();
        let offer = offer.bytes();
        let other = manifest(6, 4).seal(&key(1), 0).unwrap();
        let (offer_of_other, bytes_of_other) = (other.1.bytes(), other.0);
        let (mut offer, mut bytes) = (offer, bytes);
        let (one, one_of_other) =
            if of_offer { (&mut offer, offer_of_other) } else { (&mut bytes, bytes_of_other) };
        let at = at % one.len();
        match how {
            0 => one[at] ^= 1 << bit,
            1 => one.truncate(at),
            2 => { one.remove(at); }
            3 => one.insert(at, bit),
            _ => *one = one_of_other,
        }
        let opened = Offer::read(&offer)
            .and_then(|offer| Manifest::open(&bytes, &offer, &ring(&[&key(1)]), &Expected::default()));
        // A changed blank in the offer changes nothing that counts.
        if let Ok(opened) = opened {
            prop_assert!(of_offer);
            prop_assert_eq!(opened, good);
        }
    }

    /// Whatever bytes are signed by mistake: no panic, and nothing but a whole manifest is opened.
    #[test]
    fn no_signed_garbage_panics(noise in proptest::collection::vec(any::<u8>(), 0..400), at in 0_usize..4000) {
        let good = manifest(5, 3);
        let mut bytes = good.seal(&key(1), 0).unwrap().0;
        let at = at % bytes.len();
        bytes.splice(at..at, noise.iter().copied());
        let offer = signed(&bytes, &good, &key(1));
        let _ = Manifest::open(&bytes, &offer, &ring(&[&key(1)]), &Expected::default());
        let _ = Offer::read(&noise);
        let _ = ring(&[&key(1)]).follow(&noise);
    }
}
