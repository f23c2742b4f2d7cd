//! bindgen's view of httpd's headers.

include!(concat!(env!("OUT_DIR"), "/httpd.rs"));
