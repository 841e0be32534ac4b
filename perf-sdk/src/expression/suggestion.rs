//! The name that was probably meant.

/// The maximum number of mistakes in a recognized name.
const MOST_MISTAKES: usize = 2;

/// Names of which no more than this many characters are compared.
const MOST_CHARACTERS: usize = 100;

/// The most similar of some names, if it has at most two mistakes and fewer than half of its
/// characters wrong.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distances = names.into_iter().map(|known| (mistakes(name, known), known));
    let (least, known) = distances.min()?;
    let is_similar = least <= MOST_MISTAKES && least * 2 < known.chars().count();
    is_similar.then_some(known)
}

/// The number of characters that must be inserted, deleted, replaced or exchanged with their
/// neighbour (optimal string alignment distance).
fn mistakes(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > MOST_MISTAKES || a.len().max(b.len()) > MOST_CHARACTERS {
        return usize::MAX;
    }
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        rows[i][0] = i;
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            rows[i][j] = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                rows[i][j] = rows[i][j].min(rows[i - 2][j - 2] + 1);
            }
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_similar_name_is_found_and_another_is_not() {
        let names = ["p95", "resident", "hit_ratio"];
        assert_eq!(nearest("residnet", names), Some("resident"));
        assert_eq!(nearest("hitratio", names), Some("hit_ratio"));
        assert_eq!(nearest("p96", names), Some("p95"));
        assert_eq!(nearest("xyz", names), None);
        assert_eq!(nearest(&"x".repeat(1_000), ["x".repeat(1_000).as_str()]), None);
    }
}
