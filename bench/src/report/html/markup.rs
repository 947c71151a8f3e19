//! The pieces of a page. What is text is escaped here and nowhere else.

use std::fmt::Write;

/// Its looks, in light and dark.
const STYLE: &str = include_str!("page.css");

/// Text as it stands in HTML, also inside quotes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Nothing of these is allowed in a page.
            _ if letter.is_control() && letter != '\n' => escaped.push('\u{fffd}'),
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// A whole page that needs nothing beside it. `body` is HTML.
pub(crate) fn page(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

/// A figure, short: as many digits as one reads.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    let digits = match size {
        _ if size == 0.0 || size >= 99.95 => 0,
        _ if size >= 9.995 => 1,
        _ if size >= 0.9995 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    let figures = whole.trim_start_matches('-');
    for (place, figure) in figures.chars().enumerate() {
        if place > 0 && (figures.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(figure);
    }
    let sign = if whole.starts_with('-') { "-" } else { "" };
    format!("{sign}{grouped}{rest}")
}

/// Names and what they stand for.
pub(crate) fn facts(rows: &[(&str, String)]) -> String {
    let mut html = "<dl class=\"facts card\">\n".to_owned();
    for (name, value) in rows {
        let (name, value) = (escape(name), escape(value));
        let _ = writeln!(html, "<dt>{name}</dt><dd>{value}</dd>");
    }
    html + "</dl>\n"
}

/// The figures that one looks at first: name, value, unit.
pub(crate) fn keys(rows: &[(&str, String, &str)]) -> String {
    let mut html = "<dl class=\"keys\">\n".to_owned();
    for (name, value, unit) in rows {
        let (name, value, unit) = (escape(name), escape(value), escape(unit));
        let _ = writeln!(
            html,
            "<div><dt>{name}</dt><dd>{value} <small>{unit}</small></dd></div>"
        );
    }
    html + "</dl>\n"
}

/// A table. The first cell of each row names it. `class` is `counted` where the rest are figures.
pub(crate) fn table(class: &str, caption: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    let caption = escape(caption);
    let mut html = format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\">\
         <table class=\"{class}\">\n<caption>{caption}</caption>\n<thead><tr>"
    );
    for name in head {
        let _ = write!(html, "<th scope=\"col\">{}</th>", escape(name));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        html.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let cell = escape(cell);
            let _ = match column {
                0 => write!(html, "<th scope=\"row\">{cell}</th>"),
                _ => write!(html, "<td>{cell}</td>"),
            };
        }
        html.push_str("</tr>\n");
    }
    html + "</tbody>\n</table></div>\n"
}

/// A drawing with its table, which is folded away. Both are HTML.
pub(crate) fn figure(heading: &str, caption: &str, drawing: &str, table: &str) -> String {
    let (heading, caption) = (escape(heading), escape(caption));
    format!(
        "<figure>\n<h3>{heading}</h3>\n{drawing}<figcaption>{caption}</figcaption>\n\
         <details><summary>The same as a table</summary>\n{table}</details>\n</figure>\n"
    )
}

/// How a run or a comparison came out.
pub(crate) struct Verdict {
    /// `good`, `bad` or `none`.
    pub(crate) class: &'static str,
    pub(crate) words: String,
    pub(crate) reasons: Vec<String>,
}

impl Verdict {
    pub(crate) fn html(&self) -> String {
        let mut html = format!(
            "<section class=\"verdict {}\" aria-label=\"Verdict\">\n<strong>{}</strong>\n",
            self.class,
            escape(&self.words)
        );
        html.push_str(&list(&self.reasons));
        html + "</section>\n"
    }
}

/// Nothing, when there is nothing to list.
pub(crate) fn list(items: &[String]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let items = items
        .iter()
        .map(|item| format!("<li>{}</li>\n", escape(item)));
    format!("<ul>\n{}</ul>\n", items.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_can_neither_open_a_tag_nor_leave_its_quotes() {
        assert_eq!(
            escape("<b a=\"1\" c='2'>&\u{1b}"),
            "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;\u{fffd}"
        );
    }

    #[test]
    fn a_figure_has_as_many_digits_as_one_reads() {
        for (value, text) in [
            (0.0, "0"),
            (0.0123, "0.012"),
            (1.5, "1.50"),
            (9.999, "10.0"),
            (12.34, "12.3"),
            (99.97, "100"),
            (123.4, "123"),
            (1_234_567.8, "1,234,568"),
            (-1_234.0, "-1,234"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
