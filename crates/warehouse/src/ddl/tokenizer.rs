//! Splits HiveQL text into tokens: words, numbers, quoted texts, signs.
//!
//! Only what `CREATE TABLE` and `CREATE VIEW` need. Source of the rules: Hive's lexer, `HiveLexerParent.g`
//! (`--` comments to the end of the line, `'...'` and `"..."` with backslash escapes).

/// A token, where it starts, and the line it is on (from 1).
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) line: usize,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum TokenKind {
    /// A keyword, a name or a number, as written.
    Word(String),
    /// A quoted text, without the quotes and with its escapes resolved.
    Text(String),
    /// One of `( ) , . ; =`.
    Sign(char),
}

/// A character that has no place in a definition.
#[derive(Debug)]
pub(super) struct TokenError {
    pub(super) line: usize,
    pub(super) problem: String,
}

pub(super) fn tokenize(sql: &str) -> Result<Vec<Token>, TokenError> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut chars = sql.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        let first_line = line;
        let kind = match c {
            '\n' => {
                line += 1;
                continue;
            }
            _ if c.is_whitespace() => continue,
            '-' if sql[start..].starts_with("--") => {
                while chars.next_if(|&(_, c)| c != '\n').is_some() {}
                continue;
            }
            '(' | ')' | ',' | '.' | ';' | '=' => TokenKind::Sign(c),
            '\'' | '"' => {
                let mut text = String::new();
                loop {
                    match chars.next() {
                        Some((_, end)) if end == c => break,
                        Some((_, '\\')) => {
                            // Definitions need no control characters: only the escapes of signs are known.
                            let escaped = chars.next().map(|(_, e)| e);
                            match escaped.filter(|e| e.is_ascii_punctuation()) {
                                Some(sign) => text.push(sign),
                                None => {
                                    let problem = "an escape that is not supported".to_owned();
                                    return Err(TokenError { line, problem });
                                }
                            }
                        }
                        Some((_, other)) => {
                            line += usize::from(other == '\n');
                            text.push(other);
                        }
                        None => {
                            let problem = "a quoted text that does not end".to_owned();
                            return Err(TokenError { line: first_line, problem });
                        }
                    }
                }
                TokenKind::Text(text)
            }
            _ if is_word(c) => {
                let mut word = String::from(c);
                while let Some((_, next)) = chars.next_if(|&(_, next)| is_word(next)) {
                    word.push(next);
                }
                TokenKind::Word(word)
            }
            _ => return Err(TokenError { line, problem: format!("the character '{c}'") }),
        };
        let end = chars.peek().map_or(sql.len(), |&(next, _)| next);
        tokens.push(Token { kind, start, end, line: first_line });
    }
    Ok(tokens)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(sql: &str) -> Vec<TokenKind> {
        tokenize(sql).unwrap().into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn splits_words_texts_and_signs() {
        assert_eq!(
            kinds("a_1 DECIMAL(20,4) -- it's; no\n'x''y' \"q\\\"'\";"),
            [
                TokenKind::Word("a_1".into()),
                TokenKind::Word("DECIMAL".into()),
                TokenKind::Sign('('),
                TokenKind::Word("20".into()),
                TokenKind::Sign(','),
                TokenKind::Word("4".into()),
                TokenKind::Sign(')'),
                TokenKind::Text("x".into()),
                TokenKind::Text("y".into()),
                TokenKind::Text("q\"'".into()),
                TokenKind::Sign(';'),
            ]
        );
    }

    #[test]
    fn knows_lines_and_ranges() {
        let sql = "ab\n'c\nd' é";
        let error = tokenize(sql).unwrap_err();
        assert_eq!((error.line, error.problem.as_str()), (3, "the character 'é'"));
        let tokens = tokenize("ab\n'c\nd' e").unwrap();
        let places: Vec<_> = tokens.iter().map(|t| (t.start, t.end, t.line)).collect();
        assert_eq!(places, [(0, 2, 1), (3, 8, 2), (9, 10, 3)]);
    }

    #[test]
    fn names_what_it_cannot_read() {
        for (sql, problem) in [
            ("'abc", "does not end"),
            ("'a\\n'", "escape"),
            ("'a\\", "escape"),
            ("a `b`", "character '`'"),
            ("${hivevar:x}", "character '$'"),
        ] {
            let error = tokenize(sql).unwrap_err();
            assert!(error.problem.contains(problem), "{sql}: {}", error.problem);
        }
    }
}
