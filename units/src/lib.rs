//! Unit-file text to a tree with places, the Quadlet vocabulary, and the conversion into service units.
//!
//! Pure: reads no file, knows no kernel and no environment. It is given names and bytes and gives back
//! values; reading directories and writing services is the generator's business, running containers the
//! engine's.
//!
//! The way through: [`parse()`] makes a [`Unit`] out of bytes and never fails, [`Source`] names a file with its
//! drop-ins, [`convert()`] ties many sources together and yields one [`Service`] per file, a failing one
//! where the file has a fault.

pub mod accounts;
pub mod calendar;
pub mod convert;
pub mod csv;
pub mod diagnostic;
pub mod kind;
pub mod lint;
pub mod manual;
pub mod names;
pub mod parallel;
pub mod parse;
pub mod quote;
pub mod search;
pub mod suggest;
pub mod tree;
pub mod values;
pub mod vocabulary;
pub mod words;

pub use accounts::{Account, Accounts};
pub use convert::{Content, Conversion, DropIn, Files, Link, Position, Service, Settings, Source, convert};
pub use diagnostic::{Diagnostic, Diagnostics, Place, Severity};
pub use kind::UnitKind;
pub use lint::{World, lint};
pub use parse::parse;
pub use tree::{Entry, Line, Section, Unit};
pub use vocabulary::{Emit, Form, Key};
