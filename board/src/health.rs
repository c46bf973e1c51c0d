//! How the board is: temperature, throttling, voltage, wear. Read from the kernel's files below a root that a test can supply.
//!
//! What a board does not tell is `None`, never a guess: an SD card has no file that tells its wear, an eMMC has.

use std::path::Path;

use crate::boards::Board;

/// A file of sysfs is no longer, in bytes.
const FILE_LEN_MAX: usize = 4096;
/// Entries of a folder that are looked at, at most.
const ENTRIES_MAX: usize = 256;

/// How the board is now.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Health {
    /// Degrees Celsius of the processor, or of the hottest zone.
    pub temperature_c: Option<f32>,
    /// The voltage is too low, now or since the start.
    pub under_voltage: Option<Sign>,
    /// The processor is slowed down, now or since the start.
    pub throttled: Option<Sign>,
    /// How much of its life the storage has used, in percent, in steps of ten; 110 is beyond its life.
    pub wear_percent: Option<u8>,
    /// Whether the storage says that its spare blocks run out.
    pub spare_low: Option<bool>,
    /// Errors that the file system on the storage has met since it was made.
    pub filesystem_errors: Option<u64>,
}

/// When something was so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Never, as far as is known.
    Never,
    /// Not now, but since the start.
    Before,
    /// Now.
    Now,
}

/// Reads how `board` is, below `root` (`/`, or a test's folder). Takes about a millisecond; a file that cannot be read tells nothing.
#[must_use]
pub fn read(board: &Board, root: &Path) -> Health {
    let from = &board.health;
    let bits = from.throttled.as_ref().and_then(|path| number(&root.join(path), 16));
    let alarm = from.under_voltage_sensor.as_ref().and_then(|name| voltage_alarm(root, name));
    let under_voltage = bits.map(|bits| sign(bits, &from.under_voltage_bits)).or(alarm);
    let throttled = bits.map(|bits| sign(bits, &from.throttled_bits)).or_else(|| cooled(root));
    let device = board.storage.device.as_deref();
    let wear = device.and_then(|device| text(&root.join(format!("sys/block/{device}/device/life_time"))));
    let spare =
        device.and_then(|device| number(&root.join(format!("sys/block/{device}/device/pre_eol_info")), 16));
    Health {
        temperature_c: temperature(root, from.thermal_zone.as_deref()),
        under_voltage,
        throttled,
        wear_percent: wear.and_then(|text| wear_percent(&text)),
        spare_low: spare.filter(|spare| *spare > 0).map(|spare| spare > 1),
        filesystem_errors: device.and_then(|device| filesystem_errors(root, device)),
    }
}

/// Bits below 16 mean now, the others since the start.
fn sign(bits: u64, of: &[u8]) -> Sign {
    let is_set = |bit: &u8| bits.checked_shr(u32::from(*bit)).is_some_and(|bits| bits & 1 == 1);
    match (of.iter().any(|bit| *bit < 16 && is_set(bit)), of.iter().any(is_set)) {
        (true, _) => Sign::Now,
        (false, true) => Sign::Before,
        (false, false) => Sign::Never,
    }
}

fn temperature(root: &Path, wanted: Option<&str>) -> Option<f32> {
    let zones = folders(&root.join("sys/class/thermal"), "thermal_zone");
    let fits = |zone: &&std::path::PathBuf| {
        wanted.is_none_or(|wanted| text(&zone.join("type")).is_some_and(|is| is == wanted))
    };
    let hottest = zones.iter().filter(fits).filter_map(|zone| signed(&zone.join("temp"))).max()?;
    // A sensor that is not there says −273 or less, one that is broken as much as it can.
    (-60_000..=250_000).contains(&hottest).then_some(hottest as f32 / 1000.0)
}

/// Whether the kernel cools by slowing processors down.
fn cooled(root: &Path) -> Option<Sign> {
    let devices = folders(&root.join("sys/class/thermal"), "cooling_device");
    let slows = |device: &&std::path::PathBuf| {
        text(&device.join("type")).is_some_and(|is| is.starts_with("cpufreq") || is == "Processor")
    };
    let states: Vec<u64> =
        devices.iter().filter(slows).filter_map(|d| number(&d.join("cur_state"), 10)).collect();
    let now = states.iter().any(|state| *state > 0);
    (!states.is_empty()).then_some(if now { Sign::Now } else { Sign::Never })
}

fn voltage_alarm(root: &Path, name: &str) -> Option<Sign> {
    let sensors = folders(&root.join("sys/class/hwmon"), "hwmon");
    let sensor = sensors.iter().find(|sensor| text(&sensor.join("name")).is_some_and(|is| is == name))?;
    let alarm = number(&sensor.join("in0_lcrit_alarm"), 10)?;
    Some(if alarm > 0 { Sign::Now } else { Sign::Never })
}

/// eMMC 5.0 tells two kinds of cells as `0x01 0x02`, in steps of a tenth of their life; 0 is "not told".
fn wear_percent(text: &str) -> Option<u8> {
    let steps = text.split_whitespace().filter_map(|word| {
        u8::from_str_radix(word.trim_start_matches("0x"), 16).ok().filter(|step| (1..=11).contains(step))
    });
    steps.max().map(|step| step * 10)
}

/// The sum over the device's partitions.
fn filesystem_errors(root: &Path, device: &str) -> Option<u64> {
    let systems = folders(&root.join("sys/fs/ext4"), device);
    let errors: Vec<u64> = systems.iter().filter_map(|fs| number(&fs.join("errors_count"), 10)).collect();
    (!errors.is_empty()).then(|| errors.iter().sum())
}

/// Folders in a folder whose names begin so.
fn folders(folder: &Path, begin: &str) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().take(ENTRIES_MAX);
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let fits = |path: &std::path::PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(begin))
    };
    let mut found: Vec<_> = paths.filter(fits).collect();
    found.sort();
    found
}

fn text(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    (text.len() <= FILE_LEN_MAX).then(|| text.trim().to_owned())
}

fn number(path: &Path, radix: u32) -> Option<u64> {
    u64::from_str_radix(text(path)?.trim_start_matches("0x"), radix).ok()
}

fn signed(path: &Path) -> Option<i64> {
    text(path)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOARD: &str = "name = \"x\"\n[health]\nthermal_zone = \"cpu\"\nthrottled = \"sys/throttled\"\n\
        under_voltage_bits = [0, 16]\nthrottled_bits = [1, 17]\nunder_voltage_sensor = \"volt\"\n[storage]\ndevice = \"mmcblk0\"\n";

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    fn read_from(files: &[(&str, &str)]) -> Health {
        read(&Board::parse("x.toml", BOARD).unwrap(), root(files).path())
    }

    #[test]
    fn a_board_that_tells_nothing_has_no_health_rather_than_a_good_one() {
        assert_eq!(read_from(&[]), Health::default());
        let garbage = [("sys/throttled", "yes\n"), ("sys/class/thermal/thermal_zone0/temp", "-274000\n")];
        assert_eq!(read_from(&garbage), Health::default());
    }

    #[test]
    fn everything_is_read_from_the_kernels_files() {
        let health = read_from(&[
            ("sys/class/thermal/thermal_zone0/type", "gpu\n"),
            ("sys/class/thermal/thermal_zone0/temp", "90000\n"),
            ("sys/class/thermal/thermal_zone1/type", "cpu\n"),
            ("sys/class/thermal/thermal_zone1/temp", "61250\n"),
            ("sys/throttled", "50002\n"),
            ("sys/block/mmcblk0/device/life_time", "0x02 0x03\n"),
            ("sys/block/mmcblk0/device/pre_eol_info", "0x02\n"),
            ("sys/fs/ext4/mmcblk0p2/errors_count", "3\n"),
            ("sys/fs/ext4/sda1/errors_count", "100\n"),
        ]);
        assert_eq!(
            health,
            Health {
                temperature_c: Some(61.25),
                under_voltage: Some(Sign::Before),
                throttled: Some(Sign::Now),
                wear_percent: Some(30),
                spare_low: Some(true),
                filesystem_errors: Some(3),
            }
        );
    }

    #[test]
    fn without_the_bits_a_sensor_and_the_cooling_tell() {
        let health = read_from(&[
            ("sys/class/hwmon/hwmon0/name", "cpu\n"),
            ("sys/class/hwmon/hwmon1/name", "volt\n"),
            ("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n"),
            ("sys/class/thermal/cooling_device0/type", "cpufreq-cpu0\n"),
            ("sys/class/thermal/cooling_device0/cur_state", "2\n"),
        ]);
        assert_eq!((health.under_voltage, health.throttled), (Some(Sign::Now), Some(Sign::Now)));
    }
}
