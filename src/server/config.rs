//! Settings: CONFIG GET, SET and REWRITE as `ratelimit.<name>`, and arguments of loadmodule.

use std::ffi::{CStr, c_char, c_int, c_longlong, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

use super::api::{OK, api};
use super::guard::guard;
use super::role;
use crate::server::raw::bindings::{REDISMODULE_CONFIG_DEFAULT, RedisModuleCtx, RedisModuleString};

/// Longest piece of an argument that an error repeats.
const LONGEST_SHOWN: usize = 64;

/// One setting: a number with a range, or a switch.
pub(crate) struct Setting {
    name: &'static CStr,
    /// Least and largest value; `None` for a switch.
    range: Option<(i64, i64)>,
    default: i64,
    value: AtomicI64,
    /// What a change takes at once, so that no later call has to pay for it.
    on_change: OnceLock<fn()>,
}

/// A number from `min` to `max`.
pub(crate) const fn number(name: &'static CStr, default: u64, min: u64, max: u64) -> Setting {
    let (range, default) = (Some((min.cast_signed(), max.cast_signed())), default.cast_signed());
    Setting { name, range, default, value: AtomicI64::new(default), on_change: OnceLock::new() }
}

/// A switch that is on, or off.
pub(crate) const fn switch(name: &'static CStr, on: bool) -> Setting {
    let (range, default) = (None, on as i64);
    Setting { name, range, default, value: AtomicI64::new(default), on_change: OnceLock::new() }
}

impl Setting {
    /// Has `on_change` done after each change, by which the setting has its new value.
    pub(crate) fn on_change(&self, on_change: fn()) {
        let _ = self.on_change.set(on_change);
    }

    /// The number.
    #[inline]
    pub(crate) fn get(&self) -> u64 {
        u64::try_from(self.value.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// Whether the switch is on.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.value.load(Ordering::Relaxed) != 0
    }

    fn set(&self, value: i64) {
        let before = self.value.swap(value, Ordering::Relaxed);
        if let Some(on_change) = self.on_change.get().filter(|_| before != value) {
            guard((), on_change);
        }
    }

    /// The value that `word` says, or what it may be.
    fn read(&self, word: &str) -> Result<i64, String> {
        let (name, shown) = (self.name.to_string_lossy(), shown(word));
        match self.range {
            Some((min, max)) => {
                // Written as CONFIG SET takes it: no plus sign, no leading zero.
                let number = word.parse().ok().filter(|value: &i64| value.to_string() == word);
                number.filter(|value| (min..=max).contains(value)).ok_or_else(|| {
                    format!("{name} must be an integer from {min} to {max}, not '{shown}'")
                })
            }
            None if word.eq_ignore_ascii_case("yes") => Ok(1),
            None if word.eq_ignore_ascii_case("no") => Ok(0),
            None => Err(format!("{name} must be yes or no, not '{shown}'")),
        }
    }
}

/// An argument of loadmodule that names a file.
pub(crate) struct FileArgument {
    pub(crate) name: &'static str,
    /// Reads the file at a path, if one is named, or says why not. It is also told whether this
    /// server is a replica that has all of its primary.
    pub(crate) read: fn(Option<&str>, bool) -> Result<(), String>,
}

/// Makes `settings` known to the server, with what the arguments of loadmodule say as their
/// defaults, reads the configuration file's lines for them, and then the file that an
/// argument may name.
///
/// # Safety
/// `ctx` must be that of a start-up, with `arguments`.
pub(super) unsafe fn register(
    ctx: *mut RedisModuleCtx,
    mut arguments: impl Iterator<Item = String>,
    settings: &'static [&'static Setting],
    file: FileArgument,
) -> Result<(), String> {
    // An earlier load that was refused may have left the library in place.
    for setting in settings {
        setting.value.store(setting.default, Ordering::Relaxed);
    }
    let (mut given, mut path) = (Vec::new(), None);
    while let Some(name) = arguments.next() {
        if name.eq_ignore_ascii_case(file.name) {
            let named = arguments.next().ok_or_else(|| format!("{name} needs a path"))?;
            if path.replace(named).is_some() {
                return Err(format!("argument {name} is given twice"));
            }
            continue;
        }
        let named =
            |setting: &&&Setting| setting.name.to_bytes().eq_ignore_ascii_case(name.as_bytes());
        let setting = settings.iter().find(named).ok_or_else(|| {
            let known: Vec<_> = settings.iter().map(|s| s.name.to_string_lossy()).collect();
            let (name, known) = (shown(&name), known.join(", "));
            format!("unknown argument '{name}', it may be one of: {known}, {}", file.name)
        })?;
        if given.contains(&setting.name) {
            return Err(format!("argument {name} is given twice"));
        }
        given.push(setting.name);
        let word = arguments.next().ok_or_else(|| format!("argument {name} needs a value"))?;
        setting.value.store(setting.read(&word)?, Ordering::Relaxed);
    }
    // SAFETY: the caller's promise.
    settings.iter().try_for_each(|setting| unsafe { register_setting(ctx, setting) })?;
    // SAFETY: as above.
    if unsafe { api!(LoadConfigs(ctx)) } != OK {
        return Err("a ratelimit setting in the configuration is not accepted".into());
    }
    // SAFETY: as above.
    (file.read)(path.as_deref(), unsafe { role::is_linked_replica(ctx) })
}

/// # Safety
/// `ctx` must be that of a start-up.
unsafe fn register_setting(
    ctx: *mut RedisModuleCtx,
    setting: &'static Setting,
) -> Result<(), String> {
    let (name, flags) = (setting.name.as_ptr(), REDISMODULE_CONFIG_DEFAULT);
    let default = setting.value.load(Ordering::Relaxed);
    let data = (&raw const *setting).cast_mut().cast::<c_void>();
    // SAFETY: the caller's promise; the setting, which is static, comes back to the
    // callbacks, which only share it.
    let status = unsafe {
        match setting.range {
            Some((min, max)) => api!(RegisterNumericConfig(
                ctx,
                name,
                default,
                flags,
                min,
                max,
                Some(get_number),
                Some(set_number),
                None,
                data
            )),
            None => {
                let default = c_int::from(default != 0);
                let (get, set) = (Some(get_switch as _), Some(set_switch as _));
                api!(RegisterBoolConfig(ctx, name, default, flags, get, set, None, data))
            }
        }
    };
    if status == OK {
        Ok(())
    } else {
        Err(format!("the server does not accept the setting {}", setting.name.to_string_lossy()))
    }
}

/// What an argument says, fit for a line of the log.
fn shown(word: &str) -> String {
    let (start, more) = match word.as_bytes().get(..LONGEST_SHOWN) {
        Some(start) if word.len() > LONGEST_SHOWN => (start, "..."),
        _ => (word.as_bytes(), ""),
    };
    format!("{}{more}", String::from_utf8_lossy(start).escape_debug())
}

/// # Safety
/// `data` must be what [`register_setting`] gave to the server.
unsafe fn setting<'a>(data: *mut c_void) -> &'a Setting {
    // SAFETY: it is a static setting.
    unsafe { &*data.cast() }
}

unsafe extern "C" fn get_number(_name: *const c_char, data: *mut c_void) -> c_longlong {
    // SAFETY: the server gives what it was given.
    unsafe { setting(data) }.value.load(Ordering::Relaxed)
}

unsafe extern "C" fn set_number(
    _name: *const c_char,
    value: c_longlong,
    data: *mut c_void,
    _error: *mut *mut RedisModuleString,
) -> c_int {
    // SAFETY: as above; the server has checked the range.
    unsafe { setting(data) }.set(value);
    OK
}

unsafe extern "C" fn get_switch(_name: *const c_char, data: *mut c_void) -> c_int {
    // SAFETY: the server gives what it was given.
    c_int::from(unsafe { setting(data) }.is_on())
}

unsafe extern "C" fn set_switch(
    _name: *const c_char,
    value: c_int,
    data: *mut c_void,
    _error: *mut *mut RedisModuleString,
) -> c_int {
    // SAFETY: as above.
    unsafe { setting(data) }.set(value.into());
    OK
}
