use std::time::Duration;

use job_kit::units::{ByteSize, HumanDuration};
use serde::{Deserialize, Serialize};

#[test]
fn sizes_parse_and_print_back() {
    let check = |text: &str, bytes, printed: &str| {
        let size: ByteSize = text.parse().unwrap();
        assert_eq!((size.bytes(), size.to_string().as_str()), (bytes, printed), "{text}");
        assert_eq!(printed.parse::<ByteSize>().unwrap(), size, "{text}");
    };
    check("1 GiB", 1 << 30, "1 GiB");
    check("64MiB", 64 << 20, "64 MiB");
    check("1.5 KiB", 1536, "1536 B");
    check("64 MB", 64_000_000, "62500 KiB");
    check("0", 0, "0 B");
    check("4096", 4096, "4 KiB");
    let error = "64 apples".parse::<ByteSize>().unwrap_err();
    assert_eq!(error, "\"64 apples\" is not a size; write for example \"64 MiB\"");
}

#[test]
fn durations_parse_and_print_back() {
    let check = |text: &str, expected| {
        let parsed: HumanDuration = text.parse().unwrap();
        assert_eq!(parsed.get(), expected);
        assert_eq!(parsed.to_string().parse::<HumanDuration>().unwrap(), parsed);
    };
    check("30s", Duration::from_secs(30));
    check("10m", Duration::from_secs(600));
    check("500ms", Duration::from_millis(500));
    check("1h 30m", Duration::from_secs(5400));
    let error = "30".parse::<HumanDuration>().unwrap_err();
    assert_eq!(error, "\"30\" is not a length of time; write for example \"30s\"");
}

#[test]
fn both_go_through_a_file_and_back() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Limits {
        memory: ByteSize,
        buffer: ByteSize,
        idle: HumanDuration,
    }
    let text = "memory = \"1 GiB\"\nbuffer = 1000\nidle = \"10m\"\n";
    let limits: Limits = toml::from_str(text).unwrap();
    assert_eq!(limits.memory, ByteSize::from_mib(1024));
    assert_eq!(limits.buffer, ByteSize::from_bytes(1000));
    assert_eq!(limits.idle, HumanDuration::new(Duration::from_secs(600)));
    let printed = toml::to_string(&limits).unwrap();
    assert_eq!(toml::from_str::<Limits>(&printed).unwrap(), limits);
}
