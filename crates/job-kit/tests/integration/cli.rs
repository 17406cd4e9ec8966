use clap::Parser;
use job_kit::cli::{CommonArgs, LogFormat, Verbosity};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    common: CommonArgs,
}

fn parse(args: &[&str]) -> Result<CommonArgs, clap::Error> {
    Cli::try_parse_from([&["job"], args].concat()).map(|cli| cli.common)
}

#[test]
fn without_flags_a_job_is_normal_and_writes_text() {
    let args = parse(&[]).unwrap();
    assert_eq!(args.verbosity(), Verbosity::Normal);
    assert_eq!(args.log_format, LogFormat::Text);
    assert!(args.config.is_none() && args.set.is_empty() && !args.print_config);
}

#[test]
fn flags_are_understood() {
    let check = |args: &[&str], expected| {
        assert_eq!(parse(args).unwrap().verbosity(), expected, "{args:?}");
    };
    check(&["-q"], Verbosity::Quiet);
    check(&["-v"], Verbosity::Verbose);
    check(&["-vv"], Verbosity::Trace);
    check(&["-vvv"], Verbosity::Trace);
    let args = parse(&["--set", "batch.k=4", "--set", "batch.seed=1", "--log-format", "json"]);
    let args = args.unwrap();
    assert_eq!(args.set, ["batch.k=4", "batch.seed=1"]);
    assert_eq!(args.log_format, LogFormat::Json);
}

#[test]
fn quiet_and_verbose_exclude_each_other() {
    assert!(parse(&["-q", "-v"]).is_err());
}
