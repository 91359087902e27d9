--- What a container registry keeps: blobs (a file each) with the repositories that have them, manifests,
-- tags, uploads on the way. Files that no row knows go with the job "acr-sweep".
local crypto = require "aci.crypto"
local fs     = require "aci.fs"

local data = {}

data.SCHEMA = {
   [[CREATE TABLE IF NOT EXISTS acr_blobs (registry TEXT NOT NULL, digest TEXT NOT NULL, file TEXT NOT NULL,
     size INTEGER NOT NULL, PRIMARY KEY (registry, digest))]],
   [[CREATE TABLE IF NOT EXISTS acr_links (registry TEXT NOT NULL, repository TEXT NOT NULL,
     digest TEXT NOT NULL, PRIMARY KEY (registry, repository, digest)) WITHOUT ROWID]],
   [[CREATE TABLE IF NOT EXISTS acr_manifests (registry TEXT NOT NULL, repository TEXT NOT NULL,
     digest TEXT NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL,
     PRIMARY KEY (registry, repository, digest))]],
   [[CREATE TABLE IF NOT EXISTS acr_tags (registry TEXT NOT NULL, repository TEXT NOT NULL, tag TEXT NOT NULL,
     digest TEXT NOT NULL, PRIMARY KEY (registry, repository, tag))]],
   [[CREATE TABLE IF NOT EXISTS acr_uploads (id TEXT PRIMARY KEY, registry TEXT NOT NULL,
     repository TEXT NOT NULL, file TEXT, size INTEGER NOT NULL, turn INTEGER NOT NULL)]],
}

--- The folder of the bytes; a cloud that keeps nothing gets a temporary one.
function data.folder(cloud)
   if not cloud.acr_folder then
      cloud.acr_folder = cloud.home and cloud.home .. "/registry" or assert(fs.tempdir "acihost-acr-")
      assert(fs.mkdir(cloud.acr_folder, tonumber("700", 8)))
   end
   return cloud.acr_folder
end

function data.path(cloud, file)
   return data.folder(cloud) .. "/" .. file
end

--- Takes the folder of a cloud that keeps nothing away.
function data.forget(cloud)
   if cloud.acr_folder and not cloud.home then fs.remove_tree(cloud.acr_folder) end
end

--- The job that removes the files that no row knows; bodies that are being received are left.
function data.sweep(cloud)
   local known = {}
   for _, row in ipairs(cloud.state.db:rows [[SELECT file FROM acr_blobs UNION SELECT file FROM acr_uploads
      WHERE file IS NOT NULL]]) do
      known[row.file] = true
   end
   for _, file in ipairs(fs.list(data.folder(cloud)) or {}) do
      if not known[file] and not file:find "^new%-" then fs.remove(data.path(cloud, file)) end
   end
end

-- Blobs.

--- The blob of a repository: { digest, file, size } or nil.
function data.blob(state, at, digest)
   return state.db:row([[SELECT b.* FROM acr_blobs b JOIN acr_links l ON l.registry = b.registry
      AND l.digest = b.digest WHERE b.registry = ? AND l.repository = ? AND b.digest = ?]], at.registry,
      at.repository, digest)
end

function data.link(state, at, digest)
   state.db:run("INSERT OR IGNORE INTO acr_links (registry, repository, digest) VALUES (?, ?, ?)", at.registry,
      at.repository, digest)
end

function data.unlink(state, at, digest)
   state.db:run("DELETE FROM acr_links WHERE registry = ? AND repository = ? AND digest = ?", at.registry,
      at.repository, digest)
end

--- The SHA-256 of a file, in bounded memory.
function data.digest(path)
   local sum = crypto.digest "sha256"
   local file = assert(io.open(path, "rb"))
   for piece in function() return file:read(262144) end do sum:add(piece) end
   file:close()
   return "sha256:" .. crypto.hex(sum:value())
end

--- An upload's file becomes the blob of that digest.
function data.keep(state, at, upload, digest)
   state.db:run([[INSERT OR IGNORE INTO acr_blobs (registry, digest, file, size) VALUES (?, ?, ?, ?)]],
      at.registry, digest, upload.file, upload.size)
   data.link(state, at, digest)
   data.drop_upload(state, upload.id)
end

-- Uploads.

function data.begin_upload(state, at)
   local id = crypto.uuid4()
   state.db:run([[INSERT INTO acr_uploads (id, registry, repository, size, turn) VALUES (?, ?, ?, 0, 0)]], id,
      at.registry, at.repository)
   return { id = id, size = 0, turn = 0 }
end

function data.upload(state, at, id)
   return state.db:row("SELECT * FROM acr_uploads WHERE id = ? AND registry = ? AND repository = ?", id,
      at.registry, at.repository)
end

function data.drop_upload(state, id)
   state.db:run("DELETE FROM acr_uploads WHERE id = ?", id)
   state:later("acr-sweep", 0)
end

local function append(path, more)
   local from, to = assert(io.open(more, "rb")), assert(io.open(path, "ab"))
   for piece in function() return from:read(262144) end do assert(to:write(piece)) end
   from:close()
   to:close()
end

--- Adds what was received (a file) to an upload; its place moves on.
function data.extend(cloud, upload, received)
   if upload.size == 0 then
      upload.file = crypto.hex(crypto.random(16))
      assert(fs.rename(received.path, data.path(cloud, upload.file)))
   else
      append(data.path(cloud, upload.file), received.path)
      fs.remove(received.path)
   end
   upload.size, upload.turn = upload.size + received.size, upload.turn + 1
   cloud.state.db:run("UPDATE acr_uploads SET file = ?, size = ?, turn = ? WHERE id = ?", upload.file, upload.size,
      upload.turn, upload.id)
end

--- Takes the body of a request into a new file: { path, size }, or nil when it was cut short.
function data.receive(req)
   local path = data.path(req.cloud, "new-" .. crypto.hex(crypto.random(16)))
   local file, size = assert(io.open(path, "wb")), 0
   while true do
      local piece, err = req:piece()
      if not piece then
         file:close()
         if not err then return { path = path, size = size } end
         fs.remove(path)
         return nil
      end
      assert(file:write(piece))
      size = size + #piece
   end
end

-- Manifests and tags.

--- The manifest that a tag or digest means: { digest, type, body } or nil.
function data.manifest(state, at, reference)
   if not reference:find "^sha256:" then
      local tag = state.db:row("SELECT digest FROM acr_tags WHERE registry = ? AND repository = ? AND tag = ?",
         at.registry, at.repository, reference)
      if not tag then return nil end
      reference = tag.digest
   end
   return state.db:row("SELECT * FROM acr_manifests WHERE registry = ? AND repository = ? AND digest = ?",
      at.registry, at.repository, reference)
end

function data.put_manifest(state, at, fields)
   state.db:run([[INSERT OR REPLACE INTO acr_manifests (registry, repository, digest, type, body)
      VALUES (?, ?, ?, ?, ?)]], at.registry, at.repository, fields.digest, fields.type, fields.body)
   if fields.tag then
      state.db:run("INSERT OR REPLACE INTO acr_tags (registry, repository, tag, digest) VALUES (?, ?, ?, ?)",
         at.registry, at.repository, fields.tag, fields.digest)
   end
end

function data.delete_manifest(state, at, digest)
   for _, name in ipairs { "acr_tags", "acr_manifests" } do
      state.db:run(("DELETE FROM %s WHERE registry = ? AND repository = ? AND digest = ?"):format(name),
         at.registry, at.repository, digest)
   end
end

--- The tags of a repository; nil for one that has no manifest.
function data.tags(state, at)
   local known = state.db:row("SELECT 1 FROM acr_manifests WHERE registry = ? AND repository = ? LIMIT 1",
      at.registry, at.repository)
   return known and state.db:rows("SELECT tag FROM acr_tags WHERE registry = ? AND repository = ? ORDER BY tag",
      at.registry, at.repository)
end

function data.repositories(state, registry)
   return state.db:rows("SELECT DISTINCT repository FROM acr_manifests WHERE registry = ? ORDER BY repository",
      registry)
end

--- All that a registry holds goes with it.
function data.removed(cloud, registry)
   for _, name in ipairs { "blobs", "links", "manifests", "tags", "uploads" } do
      cloud.state.db:run(("DELETE FROM acr_%s WHERE registry = ?"):format(name), registry)
   end
   cloud.state:later("acr-sweep", 0)
end

return data
