//! Decoders by kind of file.

#[cfg_attr(not(test), expect(dead_code, reason = "who picks the decoder comes with the rest of this module"))]
mod child;
