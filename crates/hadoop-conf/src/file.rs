//! One configuration file.

use std::path::{Path, PathBuf};

use roxmltree::{Document, Node, ParsingOptions};

use crate::ConfError;

/// Includes within includes. Hadoop has no limit and overflows its stack.
const MAX_INCLUDES: usize = 16;

/// A setting as a file has it.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Property {
    pub name: String,
    pub value: String,
    pub is_final: bool,
}

/// The settings of the file, in its order.
pub(crate) fn read(path: &Path) -> Result<Vec<Property>, ConfError> {
    let mut properties = Vec::new();
    File { path, depth: 0 }.read(&mut properties)?;
    Ok(properties)
}

struct File<'a> {
    path: &'a Path,
    /// How many files include it.
    depth: usize,
}

impl File<'_> {
    fn read(&self, to: &mut Vec<Property>) -> Result<(), ConfError> {
        let text = std::fs::read_to_string(self.path)
            .map_err(|source| ConfError::Read { path: self.path.to_owned(), source })?;
        self.parse(&text, to)
    }

    fn parse(&self, text: &str, to: &mut Vec<Property>) -> Result<(), ConfError> {
        // Many files begin with a DOCTYPE.
        let options = ParsingOptions { allow_dtd: true, ..Default::default() };
        let document = Document::parse_with_options(text, options)
            .map_err(|source| ConfError::Xml { path: self.path.to_owned(), source })?;
        let root = document.root_element();
        if root.tag_name().name() != "configuration" {
            let found = root.tag_name().name();
            return Err(self.content(format!("begins with <{found}>, not <configuration>")));
        }
        self.configuration(root, to)
    }

    fn configuration(&self, parent: Node, to: &mut Vec<Property>) -> Result<(), ConfError> {
        for element in parent.children().filter(Node::is_element) {
            match element.tag_name().name() {
                "property" => to.extend(property(element)),
                "configuration" => self.configuration(element, to)?,
                "include" => self.include(element, to)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// `<xi:include href="other.xml"><xi:fallback>...</xi:fallback></xi:include>`
    fn include(&self, element: Node, to: &mut Vec<Property>) -> Result<(), ConfError> {
        let href = element.attribute("href").unwrap_or_default();
        let local = href.strip_prefix("file://").unwrap_or(href);
        if local.is_empty() || local.contains("://") {
            let problem = format!("includes '{href}'; only files of the local disk can be");
            return Err(self.content(problem));
        }
        let path: PathBuf = self.path.parent().unwrap_or(Path::new("")).join(local);
        if !path.exists() {
            let fallback = element.children().find(|c| c.tag_name().name() == "fallback");
            return match fallback {
                Some(fallback) => self.configuration(fallback, to),
                None => Err(self.content(format!("includes '{href}', which does not exist"))),
            };
        }
        if self.depth == MAX_INCLUDES {
            return Err(self.content("is included by itself, or too deeply".to_owned()));
        }
        File { path: &path, depth: self.depth + 1 }.read(to)
    }

    fn content(&self, problem: String) -> ConfError {
        ConfError::Content { path: self.path.to_owned(), problem }
    }
}

/// `<property><name>..</name><value>..</value><final>true</final></property>`, or the same as attributes. One without
/// a name or a value counts as not there, as in Hadoop.
fn property(element: Node) -> Option<Property> {
    let part = |name: &str| match element.children().find(|c| c.tag_name().name() == name) {
        // A comment may stand between two pieces of the text.
        Some(child) => Some(child.children().filter_map(text_of).collect::<String>()),
        None => element.attribute(name).map(str::to_owned),
    };
    let name = part("name")?.trim().to_owned();
    let value = part("value")?.trim().to_owned();
    let is_final = part("final").is_some_and(|is_final| is_final.trim() == "true");
    (!name.is_empty()).then_some(Property { name, value, is_final })
}

fn text_of<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    if node.is_text() { node.text() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Vec<Property>, ConfError> {
        let mut properties = Vec::new();
        File { path: Path::new("dir/x.xml"), depth: 0 }.parse(text, &mut properties)?;
        Ok(properties)
    }

    #[test]
    fn what_a_property_may_look_like() {
        for (xml, expected) in [
            ("<name>a</name><value>b</value>", Some(("a", "b", false))),
            ("<name> a\n</name><value>\n b c \n</value>", Some(("a", "b c", false))),
            ("<value>b</value><final>true</final><name>a</name>", Some(("a", "b", true))),
            ("<name>a</name><value/>", Some(("a", "", false))),
            ("<name>a</name><value>x<!-- y -->z</value>", Some(("a", "xz", false))),
            ("<name>a</name><value><![CDATA[<b>]]>&amp;</value>", Some(("a", "<b>&", false))),
            ("<name>a</name><description>no value</description>", None),
            ("<value>no name</value>", None),
            ("<name/><value>b</value>", None),
        ] {
            let text = format!("<configuration><property>{xml}</property></configuration>");
            let found = parse(&text).unwrap();
            let found = found.first().map(|p| (&*p.name, &*p.value, p.is_final));
            assert_eq!(found, expected, "{xml}");
        }
        let attributes =
            "<configuration><property name='a' value='b' final='true'/></configuration>";
        let expected = Property { name: "a".to_owned(), value: "b".to_owned(), is_final: true };
        assert_eq!(parse(attributes).unwrap(), [expected]);
    }

    #[test]
    fn a_file_as_distributions_have_them() {
        let text = "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
            <?xml-stylesheet type=\"text/xsl\" href=\"configuration.xsl\"?>\n\
            <!DOCTYPE configuration [<!ENTITY host \"nn1\">]>\n<!-- licence -->\n\
            <configuration xmlns:xi=\"http://www.w3.org/2001/XInclude\">\n\
            <xi:include href=\"not-there.xml\"><xi:fallback/></xi:include>\
            <property><name>fs.defaultFS</name><value>hdfs://&host;:8020</value>\
            <source>programmatically</source></property></configuration>\n";
        assert_eq!(parse(text).unwrap()[0].value, "hdfs://nn1:8020");
    }

    #[test]
    fn refused_files() {
        for (text, expected) in [
            ("", "the configuration file 'dir/x.xml' is not XML"),
            ("<configuration>", "the configuration file 'dir/x.xml' is not XML"),
            (
                "<html/>",
                "the configuration file 'dir/x.xml' begins with <html>, not <configuration>",
            ),
            (
                "<configuration><include href='no.xml'/></configuration>",
                "the configuration file 'dir/x.xml' includes 'no.xml', which does not exist",
            ),
            (
                "<configuration><include href='http://x/y'/></configuration>",
                "the configuration file 'dir/x.xml' includes 'http://x/y'; only files of the local disk can be",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn a_document_that_grows_without_end_is_refused() {
        let mut text = "<!DOCTYPE configuration [<!ENTITY a0 \"aaaaaaaaaa\">".to_owned();
        for n in 1..12 {
            let inner = format!("&a{};", n - 1).repeat(10);
            text += &format!("<!ENTITY a{n} \"{inner}\">");
        }
        text += "]><configuration><property><name>a</name><value>&a11;</value></property></configuration>";
        assert!(matches!(parse(&text), Err(ConfError::Xml { .. })));
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "\\PC*") {
            let _ = parse(&text);
            let _ = parse(&format!("<configuration><property>{text}</property></configuration>"));
        }
    }
}
