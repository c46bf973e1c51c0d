//! What the kernel says of its clock: whoever keeps it (chrony, ntpd, systemd-timesyncd) tells it so.

/// The kernel's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// Somebody keeps the clock; it may be off by so many ms.
    Kept { error_ms: u64 },
    /// Nobody does.
    Unset,
    /// It may not be asked: `ProtectClock=` in a unit forbids the call, which can also set a clock.
    Refused,
}

/// Asks the kernel.
#[allow(unsafe_code)]
pub(super) fn ask() -> Word {
    // SAFETY: `timex` is a plain struct of numbers for which all zeroes are valid, and `modes` 0 only reads; the kernel writes
    // no more than the struct. Neither the standard library nor a crate of ours has a safe call for it.
    let (state, timex) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut timex), timex)
    };
    match state {
        // TIME_ERROR (5): not synchronised.
        0..5 => Word::Kept { error_ms: u64::try_from(timex.maxerror / 1000).unwrap_or(u64::MAX) },
        i32::MIN..0 => Word::Refused,
        5.. => Word::Unset,
    }
}
