---@meta aci.archive
--- Tape archives (ustar) and gzip, in memory. Equal entries give equal bytes: the owner is 0:0, times
--- are those given, and gzip's header holds no name and no time.
---
---     local layer = archive.gzip(archive.tar { { name = "etc/" }, { name = "etc/motd", data = "hello\n" } })
local archive = {}

---@class aci.archive.Entry
---@field name string # at most 255 bytes; one that ends with "/" is a folder
---@field type? "file"|"directory"|"link"|"hardlink" # hardlink: only when read
---@field data? string # of a file
---@field target? string # of a link, at most 100 bytes
---@field mode? integer # permission bits: 0644, 0755 for a folder, 0777 for a link
---@field mtime? integer # seconds since 1970; default 0

--- An archive with these entries in this order. Raises for an entry that the format cannot hold.
---@param entries aci.archive.Entry[]
---@return string
function archive.tar(entries) end

--- The entries of an archive. Refuses, naming it, one of a type that is not a file, a folder or a link.
---@param bytes string
---@return aci.archive.Entry[]? entries
---@return aci.error? err # kind "invalid", code TarBroken or TarType
function archive.untar(bytes) end

---@param bytes string
---@param level? integer # 0 (stored) to 9; default 6
---@return string
function archive.gzip(bytes, level) end

--- The content; of several members one after the other, all of them.
---@param bytes string
---@param max? integer # the most that may come out; default 1 GiB
---@return string? content
---@return aci.error? err # kind "invalid", code GzipBroken or GzipTooLarge
function archive.gunzip(bytes, max) end

return archive
