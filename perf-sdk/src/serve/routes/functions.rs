//! `/api/v1/functions`: functions that are searched, sorted and counted, as JSON.

use axum::http::Uri;
use axum::response::Response;

use super::overview::asked;
use crate::export;
use crate::memory;
use crate::serve::api::{self, Column, Request};
use crate::serve::capture::Query;
use crate::serve::reply::{self, Refusal};

/// Rows of an answer: at most, and if nothing is said.
const MOST: usize = 500;
const USUAL: usize = 50;

pub(super) async fn functions(uri: Uri) -> Result<Response, Refusal> {
    let query = Query::parse(&uri, &["q", "sort", "order", "limit", "offset", "from", "to"])?;
    let request = request(&query)?;
    reply::work(move || {
        let table = memory::uncounted(|| api::table(&request)).map_err(Refusal::bad)?;
        let mut body = Vec::new();
        export::json::write(&table, &mut body)?;
        Ok(reply::ok("application/json", body))
    })
    .await
}

fn request(query: &Query) -> Result<Request, Refusal> {
    let sort = match query.get("sort") {
        None => Column::default(),
        Some(name) => {
            let known = Column::ALL.iter().find(|(known, _)| *known == name);
            let names = || Column::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            known.ok_or_else(|| Refusal::bad(format!("sort is {name:?}; allowed: {}", names())))?.1
        }
    };
    let is_ascending = match query.get("order") {
        None => sort == Column::Name,
        Some("ascending") => true,
        Some("descending") => false,
        Some(other) => return Err(Refusal::bad(format!("order is {other:?}; allowed: ascending, descending"))),
    };
    let number = |name: &str, usual: usize, most: usize| match query.get(name) {
        None => Ok(usual),
        Some(text) => text
            .parse()
            .ok()
            .filter(|number| *number <= most)
            .ok_or_else(|| Refusal::bad(format!("{name} is {text:?}; allowed: a whole number from 0 to {most}"))),
    };
    Ok(Request {
        search: query.get("q").unwrap_or_default().to_owned(),
        sort,
        is_ascending,
        limit: number("limit", USUAL, MOST)?,
        offset: number("offset", 0, u32::MAX as usize)?,
        window: asked(query)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Result<Request, String> {
        let query = Query::parse_any(&format!("/?{query}").parse().unwrap()).unwrap();
        request(&query).map_err(|refusal| format!("{refusal:?}"))
    }

    #[test]
    fn a_wrong_parameter_is_answered_with_what_is_allowed() {
        for (query, said) in [
            ("sort=speed", "self_cpu"),
            ("order=up", "ascending, descending"),
            ("limit=501", "0 to 500"),
            ("limit=-1", "0 to 500"),
            ("offset=x", "offset is"),
            ("from=yesterday", "-15m"),
        ] {
            let answer = of(query).unwrap_err();
            assert!(answer.contains(said), "{query}: {answer}");
        }
        let asked = of("").unwrap();
        assert_eq!((asked.sort, asked.is_ascending, asked.limit), (Column::Own, false, USUAL));
        let asked = of("sort=name&q=cart&offset=7&to=now").unwrap();
        assert!(asked.is_ascending && asked.search == "cart" && asked.offset == 7 && asked.window.to.is_some());
    }
}
