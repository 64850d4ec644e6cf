//! Columns: text whose cells end with tabs, lined up.
//!
//! The rules are those of Go's `text/tabwriter` with Podman's numbers: a column is as wide as its widest cell in
//! neighbouring lines, two blanks lie between columns, and none is narrower than twelve.

/// Blanks between columns.
const PADDING: usize = 2;
/// The narrowest column, with its padding.
const MIN_WIDTH: usize = 12;

/// Lines the cells up.
pub fn align(text: &str) -> String {
    if !text.contains('\t') {
        return text.to_owned();
    }
    let ends_line = text.ends_with('\n');
    let body = if ends_line { text.strip_suffix('\n').unwrap_or(text) } else { text };
    let lines: Vec<Vec<&str>> = body.split('\n').map(|line| line.split('\t').collect()).collect();
    let widths = widths(&lines);
    let mut aligned = String::with_capacity(text.len() * 2);
    for (number, (cells, widths)) in lines.iter().zip(&widths).enumerate() {
        if number > 0 {
            aligned.push('\n');
        }
        for (column, cell) in cells.iter().enumerate() {
            aligned.push_str(cell);
            let width = widths.get(column).copied().unwrap_or(0);
            aligned.extend(std::iter::repeat_n(' ', width.saturating_sub(display_width(cell))));
        }
    }
    if ends_line {
        aligned.push('\n');
    }
    aligned
}

/// The width of every cell of every line. The last cell of a line ends no column and has none.
fn widths(lines: &[Vec<&str>]) -> Vec<Vec<usize>> {
    let mut widths: Vec<Vec<usize>> = lines.iter().map(|cells| vec![0; cells.len()]).collect();
    let columns = lines.iter().map(|cells| cells.len().saturating_sub(1)).max().unwrap_or(0);
    for column in 0..columns {
        let mut from = 0;
        while from < lines.len() {
            // A block is a run of lines that have a cell in this column.
            let block = lines.iter().skip(from).take_while(|cells| column + 1 < cells.len()).count();
            let cells = lines.iter().skip(from).take(block).filter_map(|cells| cells.get(column));
            let widest = cells.map(|cell| display_width(cell)).max().unwrap_or(0);
            // A column of empty cells only takes no room at all; Go does so, too.
            let width = if widest == 0 && block == 0 { 0 } else { (widest + PADDING).max(MIN_WIDTH) };
            for line in widths.iter_mut().skip(from).take(block) {
                if let Some(cell) = line.get_mut(column) {
                    *cell = width;
                }
            }
            from += block.max(1);
        }
    }
    widths
}

fn display_width(cell: &str) -> usize {
    cell.chars().count()
}
