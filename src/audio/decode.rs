//! Decoders by kind of file.

#[cfg_attr(
    not(all(test, feature = "media")),
    expect(dead_code, reason = "who picks the decoder comes with the rest of this module")
)]
mod child;
