//! The layers of images, as a tree.

use crate::time::precise_size_words;

/// A layer, and what lies on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layer {
    /// The digits of its diff id.
    pub id: String,
    /// Bytes of its files.
    pub size: u64,
    /// Names of the images that end with it.
    pub top_of: Vec<String>,
    /// Layers on top of it.
    pub above: Vec<Self>,
}

impl Layer {
    /// Puts the layers of an image on this one, lowest first, each known by its id, with its size; `names` are the image's.
    pub fn put(&mut self, layers: &[(String, u64)], names: &[String]) {
        let Some(((id, size), rest)) = layers.split_first() else {
            self.top_of.extend(names.iter().cloned());
            return;
        };
        let index = match self.above.iter().position(|it| it.id == *id) {
            Some(index) => index,
            None => {
                self.above.push(Self { id: id.clone(), size: *size, ..Self::default() });
                self.above.len() - 1
            }
        };
        if let Some(layer) = self.above.get_mut(index) {
            layer.put(rest, names);
        }
    }
}

/// The text of `image tree`: an image's id, names, size, and layers in a line each. A chain of layers is not indented.
pub fn text(id: &str, names: &[String], size: u64, layers: &[Layer]) -> String {
    let mut text = format!(
        "Image ID: {}\nTags:     [{}]\nSize:     {}\nImage Layers\n",
        id.get(..12).unwrap_or(id),
        names.join(" "),
        precise_size_words(size)
    );
    draw(&mut text, "", layers);
    text
}

fn draw(text: &mut String, before: &str, layers: &[Layer]) {
    for (index, layer) in layers.iter().enumerate() {
        let mut layer = layer;
        let is_last_branch = index + 1 == layers.len();
        // What lies alone on a layer stands below it, at the same depth.
        loop {
            let goes_on = !is_last_branch || layer.above.len() == 1;
            let mark = if goes_on { "├──" } else { "└──" };
            let id = layer.id.get(..12).unwrap_or(&layer.id);
            text.push_str(&format!("{before}{mark} ID: {id} Size: {}", precise_size_words(layer.size)));
            if !layer.top_of.is_empty() {
                text.push_str(&format!(" Top Layer of: [{}]", layer.top_of.join(" ")));
            }
            text.push('\n');
            match layer.above.as_slice() {
                [only] => layer = only,
                several => {
                    let deeper = format!("{before}{}", if is_last_branch { "    " } else { "│   " });
                    draw(text, &deeper, several);
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_stands_in_a_line_and_branches_are_indented() {
        let layers = |text: &str| text.split(' ').map(|it| (it.repeat(12), 1000)).collect::<Vec<_>>();
        let mut root = Layer::default();
        root.put(&layers("a b"), &["base:1".to_owned()]);
        assert_eq!(
            text("eeecd57e9f5205", &["base:1".to_owned()], 2000, &root.above),
            "Image ID: eeecd57e9f52\nTags:     [base:1]\nSize:     2kB\nImage Layers\n\
             ├── ID: aaaaaaaaaaaa Size: 1kB\n└── ID: bbbbbbbbbbbb Size: 1kB Top Layer of: [base:1]\n"
        );
        root.put(&layers("a b c"), &["one:1".to_owned()]);
        root.put(&layers("a b d"), &["two:1".to_owned()]);
        let mut drawn = String::new();
        draw(&mut drawn, "", &root.above);
        assert_eq!(
            drawn,
            "├── ID: aaaaaaaaaaaa Size: 1kB\n└── ID: bbbbbbbbbbbb Size: 1kB Top Layer of: [base:1]\n    \
             ├── ID: cccccccccccc Size: 1kB Top Layer of: [one:1]\n    \
             └── ID: dddddddddddd Size: 1kB Top Layer of: [two:1]\n"
        );
    }
}
