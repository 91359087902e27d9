---@meta aci.fs
--- Files and folders. A fault of the world gives nil and an error whose message names the path:
--- kind "not_found" where nothing is there, else "failed" with errno's name as its code.
local fs = {}

---@class aci.fs.ReadOptions
---@field offset? integer # bytes to skip
---@field limit? integer # at most so many bytes
---@field secret? boolean # give an aci.secret

--- The content of a file.
---@param path string
---@param options? aci.fs.ReadOptions
---@return string|aci.secret? content
---@return aci.error? err
function fs.read(path, options) end

---@class aci.fs.WriteOptions
---@field mode? integer # exactly these permission bits (384 is 0600), whatever umask says
---@field sync? boolean # wait until it is on the disk

--- Replaces a file's content in one step: readers see the old or the new, never half. Without a
--- mode, a file that exists keeps its own, a new one gets what umask leaves, a secret gets 0600.
--- A link is followed; a device is written in place.
---@param path string
---@param data string|aci.secret
---@param options? aci.fs.WriteOptions
---@return true? ok
---@return aci.error? err
function fs.write(path, data, options) end

--- Adds to a file's end, making it if need be.
---@param path string
---@param data string|aci.secret
---@param options? { mode?: integer }
---@return true? ok
---@return aci.error? err
function fs.append(path, data, options) end

---@class aci.fs.Stat
---@field type "file"|"directory"|"link"|"other"
---@field size integer # bytes
---@field mtime number # seconds since 1970
---@field mode integer # permission bits

--- What is there; nil and an error of kind "not_found" when nothing is.
---@param path string
---@param options? { follow?: boolean } # follow = false: about the link itself
---@return aci.fs.Stat?
---@return aci.error? err
function fs.stat(path, options) end

--- The names in a folder, in the order of their bytes.
---@param path string
---@return string[]? names
---@return aci.error? err
function fs.list(path) end

--- The relative paths of all files below a folder, in order. Links to files count, links to
--- folders are not entered.
---@param path string
---@return string[]? paths
---@return aci.error? err
function fs.walk(path) end

--- Makes a folder with those above it. One that exists is fine and keeps its mode.
---@param path string
---@param mode? integer
---@return true? ok
---@return aci.error? err
function fs.mkdir(path, mode) end

--- Removes a file, a link or an empty folder.
---@param path string
---@return true? ok
---@return aci.error? err
function fs.remove(path) end

--- Removes whatever is there with all in it; links are not followed. Nothing there is fine.
---@param path string
---@return true? ok
---@return aci.error? err
function fs.remove_tree(path) end

---@param from string
---@param to string # replaced when it exists
---@return true? ok
---@return aci.error? err
function fs.rename(from, to) end

---@param path string
---@param mode integer
---@return true? ok
---@return aci.error? err
function fs.chmod(path, mode) end

--- The absolute path without links; it must exist.
---@param path string
---@return string? path
---@return aci.error? err
function fs.realpath(path) end

--- Makes a folder the one that relative paths begin in, for the whole process.
---@param path string
---@return true? ok, aci.Error? err
function fs.chdir(path) end

--- A new folder for us alone (0700) under TMPDIR or /tmp. Whoever made it removes it.
---@param prefix? string
---@return string? path
---@return aci.error? err
function fs.tempdir(prefix) end

--- A lock that is held; `local lock <close> = ...` gives it back at the scope's end. The kernel
--- gives it back when the process ends, however it ends.
---@class aci.fs.Lock
local Lock = {}

--- Gives it back. A second time does nothing.
function Lock:close() end

--- Its descriptor, for process.spawn's `keep`: the lock then lasts until the child has ended too.
---@return integer
function Lock:fileno() end

--- Takes the lock on a file (made if need be). While it waits, other tasks run.
---@param path string
---@param options? { wait?: number } # seconds; default 0
---@return aci.fs.Lock? lock
---@return aci.error? err # kind "conflict": somebody else holds it
function fs.lock(path, options) end

return fs
