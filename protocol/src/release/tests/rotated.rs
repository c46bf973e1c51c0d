//! Keys that change.

use super::*;

#[test]
fn a_rotation_hands_over_and_the_old_key_signs_no_more() {
    let (old, new) = (key(1), key(2));
    let at_first = ring(&[&old]);
    let message = at_first.rotate(vec![new.public()], &old).unwrap().bytes();
    let after = at_first.follow(&message).unwrap();
    assert_eq!((after.serial(), after.keys()), (1, &[new.public()][..]));
    let (bytes, offer) = manifest(5, 1).seal(&old, 1).unwrap();
    let refusal = Manifest::open(&bytes, &offer, &after, &Expected::default()).unwrap_err();
    assert_eq!(refusal, Refusal::UnknownKey { key: old.public().id() });
    let (bytes, offer) = manifest(5, 1).seal(&new, 1).unwrap();
    Manifest::open(&bytes, &offer, &after, &Expected::default()).unwrap();
    // The same message again, or one that was left out, does not follow.
    assert_eq!(after.follow(&message), Err(Refusal::UnknownKey { key: old.public().id() }));
    let third = after.rotate(vec![key(3).public(), new.public()], &new).unwrap().bytes();
    assert_eq!(at_first.follow(&third), Err(Refusal::UnknownKey { key: new.public().id() }));
    let both = after.follow(&third).unwrap();
    assert_eq!(both.follow(&third), Err(Refusal::Serial { found: 2, held: 2 }));
}

#[test]
fn a_rotation_by_a_stranger_or_with_changed_bytes_is_refused() {
    let (ours, stranger) = (key(1), key(9));
    let at_first = ring(&[&ours]);
    let forged = ring(&[&stranger]).rotate(vec![stranger.public()], &stranger).unwrap().bytes();
    assert_eq!(at_first.follow(&forged), Err(Refusal::UnknownKey { key: stranger.public().id() }));
    let good = String::from_utf8(at_first.rotate(vec![key(2).public()], &ours).unwrap().bytes()).unwrap();
    let other = good.replace(&key(2).public().to_string(), &stranger.public().to_string());
    assert_ne!(other, good);
    assert_eq!(at_first.follow(other.as_bytes()), Err(Refusal::WrongSignature { key: ours.public().id() }));
    for cut in 0..good.len() {
        assert!(at_first.follow(&good.as_bytes()[..cut]).is_err(), "{cut}");
    }
    assert!(at_first.rotate(vec![], &ours).is_err(), "a device without keys would be lost");
    assert!(at_first.rotate(vec![key(2).public(); KEYS_MAX + 1], &ours).is_err());
    assert!(at_first.rotate(vec![key(2).public()], &stranger).is_err());
}

#[test]
fn a_signed_manifest_is_no_rotation_and_a_rotation_no_manifest() {
    let ours = key(1);
    let text = r#"{"v":1,"serial":1,"keys":[]}"#;
    let by_manifest = ours.sign(Context::Manifest, text.as_bytes());
    let forged =
        serde_json::json!({"v": 1, "text": text, "key": ours.public().id(), "signature": by_manifest});
    let refusal = ring(&[&ours]).follow(forged.to_string().as_bytes()).unwrap_err();
    assert_eq!(refusal, Refusal::WrongSignature { key: ours.public().id() });
}
