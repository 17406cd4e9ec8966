//! `${...}` in values.

/// How often a value is expanded: as in Hadoop.
const MAX_DEPTH: usize = 20;
/// A value never grows beyond this; two settings that name each other twice would double it each time.
const MAX_BYTES: usize = 64 * 1024;

/// `value` with its `${...}`, from the innermost on and again in what they became, replaced by
/// - `${env.NAME}`, `${env.NAME-default}` (if it is not set), `${env.NAME:-default}` (if it is empty either):
///   environment variables;
/// - `${user.name}`, `${user.home}`, `${java.io.tmpdir}`: of the Java system properties those that files use;
/// - `${other.setting}`.
///
/// What is not known stays as it is.
pub(crate) fn expand<'a>(
    value: &str,
    setting: &dyn Fn(&str) -> Option<&'a str>,
    env: &dyn Fn(&str) -> Option<String>,
) -> String {
    let mut value = value.to_owned();
    for _ in 0..MAX_DEPTH {
        let Some((range, replacement)) = innermost(&value, setting, env) else { break };
        if value.len() + replacement.len() > MAX_BYTES {
            break;
        }
        value.replace_range(range, &replacement);
    }
    value
}

/// The first `${...}` that has no other in it and is known, and what it stands for.
fn innermost<'a>(
    value: &str,
    setting: &dyn Fn(&str) -> Option<&'a str>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Option<(std::ops::Range<usize>, String)> {
    let mut from = 0;
    while let Some(close) = value.get(from..)?.find('}').map(|at| from + at) {
        if let Some(open) = value.get(from..close)?.rfind("${").map(|at| from + at) {
            let name = value.get(open + 2..close)?;
            if let Some(replacement) = known(name, setting, env) {
                return Some((open..close + 1, replacement));
            }
        }
        from = close + 1;
    }
    None
}

fn known<'a>(
    name: &str,
    setting: &dyn Fn(&str) -> Option<&'a str>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Option<String> {
    if let Some(variable) = name.strip_prefix("env.") {
        if let Some((variable, default)) = variable.split_once(":-") {
            return env(variable)
                .filter(|value| !value.is_empty())
                .or_else(|| Some(default.to_owned()));
        }
        if let Some((variable, default)) = variable.split_once('-') {
            return env(variable).or_else(|| Some(default.to_owned()));
        }
        return env(variable);
    }
    let system = match name {
        "user.name" => env("USER").or_else(|| env("LOGNAME")),
        "user.home" => env("HOME"),
        "java.io.tmpdir" => Some("/tmp".to_owned()),
        _ => None,
    };
    system.or_else(|| setting(name).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn expand_sample(value: &str) -> String {
        let setting = |name: &str| match name {
            "host" => Some("nn1"),
            "port" => Some("8020"),
            "address" => Some("${host}:${port}"),
            "which" => Some("host"),
            "loop" => Some("${loop}"),
            "grow" => Some("${grow}${grow}x"),
            _ => None,
        };
        let env = |name: &str| match name {
            "USER" => Some("amy".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        expand(value, &setting, &env)
    }

    #[test]
    fn what_a_name_stands_for() {
        for (value, expected) in [
            ("plain", "plain"),
            ("${host}", "nn1"),
            ("hdfs://${address}/x", "hdfs://nn1:8020/x"),
            ("${${which}}", "nn1"),
            ("${unknown}-${host}", "${unknown}-nn1"),
            ("${host", "${host"),
            ("host}", "host}"),
            ("{${host}}", "{nn1}"),
            ("$host ${} $", "$host ${} $"),
            ("/user/${user.name}", "/user/amy"),
            ("${env.USER}", "amy"),
            ("${env.NONE}", "${env.NONE}"),
            ("${env.NONE-a}${env.NONE:-b}", "ab"),
            ("${env.EMPTY-a}${env.EMPTY:-b}", "b"),
            ("${env.USER-a}${env.USER:-b}", "amyamy"),
            ("${loop}", "${loop}"),
        ] {
            assert_eq!(expand_sample(value), expected, "{value}");
        }
    }

    #[test]
    fn growth_has_an_end() {
        assert!(expand_sample("${grow}").len() < MAX_BYTES);
    }

    proptest! {
        #[test]
        fn any_text_is_expanded(text in "[${}a-z.:\\-é]{0,40}") {
            expand_sample(&text);
        }
    }
}
