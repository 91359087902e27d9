--- What Blob storage keeps: rows for blobs and blocks, one file for the bytes of each. A file that nothing
-- needs any more goes into `blob_trash` in the same transaction and is removed after it, so that a crash
-- loses neither; files that no row knows (uploads cut short) go at the next start.
local clock  = require "aci.clock"
local crypto = require "aci.crypto"
local fs     = require "aci.fs"
local json   = require "aci.json"

local data = {}

data.CONTAINER = "Microsoft.Storage/storageAccounts/blobServices/containers"

data.SCHEMA = {
   [[CREATE TABLE IF NOT EXISTS blobs (container TEXT NOT NULL, name TEXT NOT NULL, file TEXT NOT NULL,
     size INTEGER NOT NULL, etag TEXT NOT NULL, created REAL NOT NULL, modified REAL NOT NULL,
     properties TEXT NOT NULL, metadata TEXT NOT NULL, PRIMARY KEY (container, name)) WITHOUT ROWID]],
   [[CREATE TABLE IF NOT EXISTS blob_blocks (container TEXT NOT NULL, name TEXT NOT NULL,
     id TEXT NOT NULL, committed INTEGER NOT NULL, position INTEGER NOT NULL, file TEXT,
     start INTEGER NOT NULL, size INTEGER NOT NULL)]],
   "CREATE INDEX IF NOT EXISTS blob_blocks_of ON blob_blocks (container, name, committed, id)",
   "CREATE TABLE IF NOT EXISTS blob_trash (file TEXT PRIMARY KEY)",
   "CREATE TABLE IF NOT EXISTS blob_gone (container TEXT PRIMARY KEY, until REAL NOT NULL)",
}

local GONE_SECONDS = 30

--- The folder of the bytes; a cloud that keeps nothing gets a temporary one.
function data.folder(cloud)
   if not cloud.blob_folder then
      if cloud.home then
         cloud.blob_folder = cloud.home .. "/blobs"
         assert(fs.mkdir(cloud.blob_folder, tonumber("700", 8)))
      else
         cloud.blob_folder = assert(fs.tempdir "acihost-blobs-")
      end
   end
   return cloud.blob_folder
end

--- The path of a file by its name.
function data.path(cloud, file)
   return data.folder(cloud) .. "/" .. file
end

--- A name for new bytes.
function data.new_file()
   return crypto.hex(crypto.random(16))
end

--- Has a file removed once the transaction is done.
function data.discard(state, file)
   if not file then
      return
   end
   state.db:run("INSERT OR IGNORE INTO blob_trash (file) VALUES (?)", file)
   if not state.db:row "SELECT 1 FROM jobs WHERE kind = 'blob-sweep'" then
      state:later("blob-sweep", 0)
   end
end

--- Removes what was discarded.
function data.sweep(cloud)
   for _, row in ipairs(cloud.state.db:rows "SELECT file FROM blob_trash") do
      fs.remove(data.path(cloud, row.file))
      cloud.state.db:run("DELETE FROM blob_trash WHERE file = ?", row.file)
   end
end

--- Removes the files that no row knows.
function data.tidy(cloud)
   if not (cloud.home and fs.stat(cloud.home .. "/blobs")) then
      return
   end
   local known = {}
   for _, row in ipairs(cloud.state.db:rows [[SELECT file FROM blobs UNION SELECT file FROM blob_blocks
      WHERE file IS NOT NULL]]) do
      known[row.file] = true
   end
   for _, file in ipairs(fs.list(data.folder(cloud)) or {}) do
      if not known[file] then
         fs.remove(data.path(cloud, file))
      end
   end
end

--- Takes the folder of a cloud that keeps nothing away.
function data.forget(cloud)
   if cloud.blob_folder and not cloud.home then
      fs.remove_tree(cloud.blob_folder)
   end
end

--- A new ETag, with its quotes.
function data.etag()
   return ('"0x8%s"'):format(crypto.hex(crypto.random(7)):upper())
end

--- The body of a container's resource. `fields`: access ("None", "Blob", "Container"), metadata.
function data.container_body(fields)
   return { etag = data.etag(), properties = {
      deleted = false, remainingRetentionDays = 0, defaultEncryptionScope = "$account-encryption-key",
      denyEncryptionScopeOverride = false, publicAccess = fields.access or "None", leaseStatus = "Unlocked",
      leaseState = "Available", hasImmutabilityPolicy = false, hasLegalHold = false,
      lastModifiedTime = clock.iso(clock.now()),
      metadata = next(fields.metadata or {}) and fields.metadata or nil } }
end

--- Until when the name of a deleted container is kept from use; nil when it is free.
function data.gone_until(state, id)
   local row = state.db:row("SELECT until FROM blob_gone WHERE container = ?", id:lower())
   return row and row["until"] > state:now() and row["until"] or nil
end

--- What goes with a container that is deleted, by whichever plane.
function data.container_removed(cloud, id)
   local key, db = id:lower(), cloud.state.db
   for _, row in ipairs(db:rows([[SELECT file FROM blobs WHERE container = ? UNION SELECT file
      FROM blob_blocks WHERE container = ? AND file IS NOT NULL]], key, key)) do
      data.discard(cloud.state, row.file)
   end
   db:run("DELETE FROM blobs WHERE container = ?", key)
   db:run("DELETE FROM blob_blocks WHERE container = ?", key)
   db:run("INSERT OR REPLACE INTO blob_gone (container, until) VALUES (?, ?)", key,
      cloud.state:now() + cloud:seconds(GONE_SECONDS))
end

local function decode(row)
   if row then
      row.properties, row.metadata = assert(json.decode(row.properties)), assert(json.decode(row.metadata))
   end
   return row
end

--- A blob: { container, name, file, size, etag, created, modified, properties, metadata } or nil.
function data.blob(state, container, name)
   return decode(state.db:row("SELECT * FROM blobs WHERE container = ? AND name = ?", container, name))
end

--- Blobs of a container from a name on (and before another), in the order of their names.
function data.blobs(state, container, from, before, limit)
   local rows = state.db:rows([[SELECT * FROM blobs WHERE container = ? AND name >= ?
      AND (? IS NULL OR name < ?) ORDER BY name LIMIT ?]], container, from, before, before, limit)
   for _, row in ipairs(rows) do
      decode(row)
   end
   return rows
end

--- Writes a blob over what was there; its uncommitted blocks are gone. `fields` as a blob's row, without
-- etag and times. Gives the row.
function data.write_blob(state, fields)
   local old, now = data.blob(state, fields.container, fields.name), clock.now()
   data.drop_blocks(state, fields.container, fields.name)
   if old then
      data.discard(state, old.file)
   end
   state.db:run([[INSERT OR REPLACE INTO blobs (container, name, file, size, etag, created, modified,
      properties, metadata) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)]], fields.container, fields.name, fields.file,
      fields.size, data.etag(), old and old.created or now, now, json.encode(json.object(fields.properties)),
      json.encode(json.object(fields.metadata)))
   return data.blob(state, fields.container, fields.name)
end

--- Writes new properties or metadata of a blob that stays.
function data.change_blob(state, blob)
   blob.etag, blob.modified = data.etag(), clock.now()
   state.db:run("UPDATE blobs SET properties = ?, metadata = ?, etag = ?, modified = ? WHERE container = ? "
      .. "AND name = ?", json.encode(json.object(blob.properties)), json.encode(json.object(blob.metadata)),
      blob.etag, blob.modified, blob.container, blob.name)
   return blob
end

function data.delete_blob(state, blob)
   data.drop_blocks(state, blob.container, blob.name)
   data.discard(state, blob.file)
   state.db:run("DELETE FROM blobs WHERE container = ? AND name = ?", blob.container, blob.name)
end

--- Forgets the blocks of a blob.
function data.drop_blocks(state, container, name)
   for _, row in ipairs(state.db:rows([[SELECT file FROM blob_blocks WHERE container = ? AND name = ?
      AND file IS NOT NULL]], container, name)) do
      data.discard(state, row.file)
   end
   state.db:run("DELETE FROM blob_blocks WHERE container = ? AND name = ?", container, name)
end

--- The blocks of a blob: { id, committed, file (of an uncommitted one), start, size } in order.
function data.blocks(state, container, name)
   return state.db:rows([[SELECT * FROM blob_blocks WHERE container = ? AND name = ? ORDER BY committed DESC,
      position, rowid]], container, name)
end

--- Adds an uncommitted block; one of the same id goes.
function data.put_block(state, block)
   local old = state.db:row([[SELECT file FROM blob_blocks WHERE container = ? AND name = ? AND id = ?
      AND committed = 0]], block.container, block.name, block.id)
   if old then
      data.discard(state, old.file)
      state.db:run("DELETE FROM blob_blocks WHERE container = ? AND name = ? AND id = ? AND committed = 0",
         block.container, block.name, block.id)
   end
   state.db:run([[INSERT INTO blob_blocks (container, name, id, committed, position, file, start, size)
      VALUES (?, ?, ?, 0, 0, ?, 0, ?)]], block.container, block.name, block.id, block.file, block.size)
end

--- Notes which committed block lies where in a blob's file.
function data.commit_block(state, block, position)
   state.db:run([[INSERT INTO blob_blocks (container, name, id, committed, position, file, start, size)
      VALUES (?, ?, ?, 1, ?, NULL, ?, ?)]], block.container, block.name, block.id, position, block.start,
      block.size)
end

return data
