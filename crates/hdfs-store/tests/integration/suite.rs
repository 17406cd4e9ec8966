//! What every store must do.

use crate::helper::new_location;

store::suite_tests!(new_location);
