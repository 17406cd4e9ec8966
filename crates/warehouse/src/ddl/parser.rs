//! Reads one `CREATE EXTERNAL TABLE` or `CREATE OR REPLACE VIEW` statement.
//!
//! The general SQL parsers at hand do not know Hive's view comments (`COMMENT '...'` between the column list and
//! `AS`) and cost more to compile than the rest of this crate; the few clauses in `hive/ddl` are read here, and
//! everything else is refused.

use std::collections::BTreeMap;

use super::tokenizer::{Token, TokenKind, tokenize};
use super::{DdlError, TableDef, ViewColumn, ViewDef, WAREHOUSE_VARIABLE};
use crate::schema::{Column, HiveType};

/// A definition as it stands in a file.
#[derive(Debug)]
pub(super) enum Definition {
    Table(TableDef),
    View(ViewDef),
}

/// Reads the one statement of `file`, in which the database and the prefix are already filled in.
pub(super) fn parse(file: &str, sql: &str, prefix: &str) -> Result<Definition, DdlError> {
    let tokens = tokenize(sql).map_err(|e| DdlError::Syntax {
        file: file.to_owned(),
        line: e.line,
        expected: "HiveQL".to_owned(),
        found: e.problem,
    })?;
    let mut parser = Parser { file, sql, prefix, tokens: &tokens, next: 0 };
    parser.expect_words(&["CREATE"])?;
    let definition = if parser.accept_word("EXTERNAL") {
        Definition::Table(parser.table()?)
    } else {
        parser.expect_words(&["OR", "REPLACE", "VIEW"])?;
        Definition::View(parser.view()?)
    };
    if parser.next < tokens.len() {
        return Err(parser.unexpected("the end of the file (one statement a file)"));
    }
    Ok(definition)
}

struct Parser<'a> {
    file: &'a str,
    sql: &'a str,
    prefix: &'a str,
    tokens: &'a [Token],
    next: usize,
}

impl Parser<'_> {
    fn table(&mut self) -> Result<TableDef, DdlError> {
        self.expect_words(&["TABLE", "IF", "NOT", "EXISTS"])?;
        let (database, name) = self.qualified_name()?;
        let columns = self.column_list()?;
        self.expect_words(&["COMMENT"])?;
        let comment = self.text()?;
        self.expect_words(&["PARTITIONED", "BY"])?;
        let partition_keys = self.column_list()?;
        if partition_keys.iter().any(|key| key.hive_type != HiveType::String) {
            return Err(self.unexpected("partition keys of type STRING"));
        }
        self.expect_words(&["STORED", "AS", "PARQUET", "LOCATION"])?;
        let location = self.text()?;
        let directory = location
            .strip_prefix(WAREHOUSE_VARIABLE)
            .and_then(|rest| rest.strip_prefix('/'))
            .filter(|directory| !directory.is_empty() && !directory.contains(".."))
            .ok_or_else(|| self.unexpected("a LOCATION below ${hivevar:warehouse}"))?
            .to_owned();
        // What the word EXTERNAL means to the metastore; without the parameter it treats the table as its own.
        let mut properties = BTreeMap::from([("EXTERNAL".to_owned(), "TRUE".to_owned())]);
        self.expect_words(&["TBLPROPERTIES"])?;
        self.expect_sign('(')?;
        loop {
            let key = self.text()?;
            self.expect_sign('=')?;
            properties.insert(key, self.text()?);
            if !self.accept_sign(',') {
                break;
            }
        }
        self.expect_sign(')')?;
        self.expect_sign(';')?;
        Ok(TableDef {
            base_name: self.base_name(&name)?,
            name,
            database,
            columns,
            partition_keys,
            location,
            directory,
            comment,
            properties,
        })
    }

    fn view(&mut self) -> Result<ViewDef, DdlError> {
        let (database, name) = self.qualified_name()?;
        let columns = self.list(|parser| {
            let name = parser.name()?;
            parser.expect_words(&["COMMENT"])?;
            Ok(ViewColumn { name, comment: parser.text()? })
        })?;
        self.expect_words(&["COMMENT"])?;
        let comment = self.text()?;
        self.expect_words(&["AS"])?;
        let start = self.tokens.get(self.next).map_or(self.sql.len(), |token| token.start);
        self.expect_words(&["SELECT"])?;
        while !self.accept_word("FROM") {
            if matches!(self.peek(), None | Some(TokenKind::Sign(';'))) {
                return Err(self.unexpected("FROM"));
            }
            self.next += 1;
        }
        let (table_database, table) = self.qualified_name()?;
        if table_database != database {
            return Err(self.unexpected("a table of the same database"));
        }
        while !matches!(self.peek(), None | Some(TokenKind::Sign(';'))) {
            self.next += 1;
        }
        let end = self.tokens[..self.next].last().map_or(start, |token| token.end);
        self.expect_sign(';')?;
        Ok(ViewDef {
            base_name: self.base_name(&name)?,
            name,
            database,
            columns,
            table,
            comment,
            text: self.sql[start..end].to_owned(),
        })
    }

    fn column_list(&mut self) -> Result<Vec<Column>, DdlError> {
        self.list(|parser| {
            let name = parser.name()?;
            let hive_type = parser.hive_type()?;
            parser.expect_words(&["COMMENT"])?;
            Ok(Column { name, hive_type, comment: parser.text()? })
        })
    }

    fn hive_type(&mut self) -> Result<HiveType, DdlError> {
        let line = self.line();
        let mut text = self.word("a type")?;
        if self.accept_sign('(') {
            let precision = self.word("a precision")?;
            self.expect_sign(',')?;
            let scale = self.word("a scale")?;
            self.expect_sign(')')?;
            text = format!("{text}({precision},{scale})");
        }
        text.parse().map_err(|source| DdlError::Type { file: self.file.to_owned(), line, source })
    }

    fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, DdlError>,
    ) -> Result<Vec<T>, DdlError> {
        self.expect_sign('(')?;
        let mut items = vec![item(self)?];
        while self.accept_sign(',') {
            items.push(item(self)?);
        }
        self.expect_sign(')')?;
        Ok(items)
    }

    fn qualified_name(&mut self) -> Result<(String, String), DdlError> {
        let database = self.name()?;
        self.expect_sign('.')?;
        Ok((database, self.name()?))
    }

    fn base_name(&self, name: &str) -> Result<String, DdlError> {
        let base_name = name.strip_prefix(self.prefix).filter(|base| !base.is_empty());
        base_name
            .map(str::to_owned)
            .ok_or_else(|| self.unexpected("a name that starts with the prefix"))
    }

    /// A lower-case identifier. Engines differ in how they treat capitals; nothing here has any.
    fn name(&mut self) -> Result<String, DdlError> {
        match self.peek() {
            Some(TokenKind::Word(word)) if !word.bytes().any(|b| b.is_ascii_uppercase()) => {
                let word = word.clone();
                self.next += 1;
                Ok(word)
            }
            _ => Err(self.unexpected("a lower-case name")),
        }
    }

    fn word(&mut self, expected: &str) -> Result<String, DdlError> {
        let Some(TokenKind::Word(word)) = self.peek() else {
            return Err(self.unexpected(expected));
        };
        let word = word.clone();
        self.next += 1;
        Ok(word)
    }

    fn text(&mut self) -> Result<String, DdlError> {
        let Some(TokenKind::Text(text)) = self.peek() else {
            return Err(self.unexpected("a quoted text"));
        };
        let text = text.clone();
        self.next += 1;
        Ok(text)
    }

    fn expect_words(&mut self, words: &[&str]) -> Result<(), DdlError> {
        for word in words {
            if !self.accept_word(word) {
                return Err(self.unexpected(word));
            }
        }
        Ok(())
    }

    fn accept_word(&mut self, expected: &str) -> bool {
        let found = matches!(self.peek(), Some(TokenKind::Word(word)) if word.eq_ignore_ascii_case(expected));
        self.next += usize::from(found);
        found
    }

    fn expect_sign(&mut self, sign: char) -> Result<(), DdlError> {
        if self.accept_sign(sign) { Ok(()) } else { Err(self.unexpected(&format!("'{sign}'"))) }
    }

    fn accept_sign(&mut self, sign: char) -> bool {
        let found = self.peek() == Some(&TokenKind::Sign(sign));
        self.next += usize::from(found);
        found
    }

    fn peek(&self) -> Option<&TokenKind> {
        self.tokens.get(self.next).map(|token| &token.kind)
    }

    fn line(&self) -> usize {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(1, |token| token.line)
    }

    fn unexpected(&self, expected: &str) -> DdlError {
        let found = self
            .tokens
            .get(self.next)
            .map_or("the end of the file", |token| &self.sql[token.start..token.end]);
        DdlError::Syntax {
            file: self.file.to_owned(),
            line: self.line(),
            expected: expected.to_owned(),
            found: found.to_owned(),
        }
    }
}
