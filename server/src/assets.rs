//! The UI's files: held in memory from the start, so that a request can only ever name what is there.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;
use std::{fs, io};

use axum::body::Bytes;
use axum::http::HeaderValue;
use rust_embed::Embed;

/// One file, ready to be served.
#[derive(Debug, Clone)]
pub(crate) struct Asset {
    pub(crate) content: Bytes,
    pub(crate) content_type: HeaderValue,
}

/// The UI's files by path, without a slash at the beginning.
#[derive(Debug, Default)]
pub(crate) struct Assets {
    files: HashMap<String, Asset>,
}

#[derive(Embed)]
#[folder = "../ui/dist"]
#[allow_missing = true]
struct Embedded;

impl Assets {
    /// The UI of a folder with an `index.html`; without one that which was built into the program, which a debug build takes
    /// from the source tree.
    pub(crate) fn load(folder: Option<&Path>) -> io::Result<Self> {
        let mut assets = Self::default();
        match folder {
            None => {
                for path in Embedded::iter() {
                    if let Some(file) = Embedded::get(&path) {
                        let content = match file.data {
                            Cow::Borrowed(data) => Bytes::from_static(data),
                            Cow::Owned(data) => Bytes::from(data),
                        };
                        assets.add(path.into_owned(), content);
                    }
                }
            }
            Some(folder) => assets.add_folder(folder, "")?,
        }
        Ok(assets)
    }

    pub(crate) fn file(&self, path: &str) -> Option<&Asset> {
        self.files.get(path)
    }

    /// The page that is the UI; `None` if the UI was not built.
    pub(crate) fn index(&self) -> Option<&Asset> {
        self.file("index.html")
    }

    fn add_folder(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = format!("{prefix}{name}");
            if entry.file_type()?.is_dir() {
                self.add_folder(&entry.path(), &format!("{path}/"))?;
            } else {
                self.add(path, fs::read(entry.path())?.into());
            }
        }
        Ok(())
    }

    fn add(&mut self, path: String, content: Bytes) {
        let content_type = content_type(&path);
        self.files.insert(path, Asset { content, content_type });
    }
}

fn content_type(path: &str) -> HeaderValue {
    let mime = mime_guess::from_path(path).first_or_octet_stream();
    let is_text = mime.type_() == mime_guess::mime::TEXT;
    let text = if is_text { format!("{mime}; charset=utf-8") } else { mime.to_string() };
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_are_what_browsers_insist_on() {
        assert_eq!(content_type("index.html"), "text/html; charset=utf-8");
        assert_eq!(content_type("assets/index-B4x.js"), "text/javascript; charset=utf-8");
        assert_eq!(content_type("assets/index-B4x.css"), "text/css; charset=utf-8");
        assert_eq!(content_type("assets/gain.wasm"), "application/wasm");
        assert_eq!(content_type("icon.svg"), "image/svg+xml");
        assert_eq!(content_type("strange"), "application/octet-stream");
    }
}
