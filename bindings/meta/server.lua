---@meta aci.server
--- An HTTP/1.1 server on the loop, over plain sockets or TLS. Bodies are streamed in both directions
--- in bounded memory. Requests that two readers could understand differently are refused before
--- they are seen; one request at a time comes from each connection.
---
---     local listening <close> = assert(server.listen { port = 8080 })
---     for request in listening.next, listening do
---        task.spawn(function() request:respond(200, { ["content-type"] = "text/plain" }, "hello\n") end)
---     end
local server = {}

---@class aci.server.Options
---@field host? string an IP address or "localhost"; "127.0.0.1" if not given
---@field port? integer 0, the default, takes any free one
---@field public? boolean allow an address other than loopback
---@field tls? {ca: {certificate: string, key: string|aci.Secret}} an authority in PEM: certificates are made by the name that a client asks for
---@field proxy? boolean accept CONNECT: the port is plain, `tls` is for the tunnels
---@field head_timeout? number seconds for a whole head or handshake (30)
---@field idle_timeout? number seconds between two requests (75)
---@field stall_timeout? number seconds in which not one byte of a body moves (30)
---@field connections? integer at most so many at once; others wait (1024)

--- Begins to listen. A taken port is an error of kind "conflict"; an address that is none, or not
--- loopback, one of kind "usage".
---@param options aci.server.Options
---@return aci.Server? server # `<close>` ends it and all its connections
---@return aci.Error? err
function server.listen(options) end

---@class aci.Server
local Server = {}

---@return integer
function Server:port() end

--- Waits for the next request; several tasks may.
---@return aci.server.Request? # nil when the server is closed
function Server:next() end

--- Stops listening. Requests that were taken may still be answered; with `grace` it waits so many
--- seconds for their answers, and then ends what is left.
---@param grace? number
function Server:close(grace) end

--- Fields of your own may be added. One that is collected, or left by `<close>`, before it was
--- answered closes its connection.
---@class aci.server.Request
---@field method string
---@field target string as sent
---@field path string as sent, before the `?`
---@field query? string as sent, after the `?`
---@field headers table<string, string> lower-case names; repeated ones joined by ", "
---@field host? string lower case, without the port; nil only in HTTP/1.0
---@field port? integer where the host was named with one
---@field scheme "http"|"https"
---@field peer string "127.0.0.1:50123"
---@field tunnel? string the target of the CONNECT it came through, "host:port"
local Request = {}

--- How the client wrote the name of a header: "x-ms-meta-MyKey". nil when it sent none of that name.
---@param name string in any letter case
---@return string?
function Request:spelling(name) end

--- The whole body. Larger than `max` bytes (64 MiB if not given): an error of kind "invalid", status
--- 413; a client that leaves: "network"; one that stalls: "timeout".
---@param max? integer
---@return string? body
---@return aci.Error? err
function Request:body(max) end

--- The next piece of the body, of at most 64 KiB; nil at its end.
---@return string? piece
---@return aci.Error? err
function Request:read() end

--- Streams the body into a file, which appears under its name when it is whole.
---@param path string
---@return integer? bytes
---@return aci.Error? err
function Request:save(path) end

--- Answers. Date, Content-Length and Connection are added; header values are strings, numbers,
--- secrets or arrays of them. A table as body names a file, or a part of one, which is sent while
--- the script goes on. For HEAD no body is sent; a Content-Length of yours stands then.
---@param status integer 200 to 599
---@param headers? table<string, any>
---@param body? string|aci.Secret|{file: string, offset?: integer, length?: integer}
---@return true? ok
---@return aci.Error? err
function Request:respond(status, headers, body) end

--- Begins an answer that is written in pieces: chunked, unless the headers give a Content-Length.
---@param status integer
---@param headers? table<string, any>
---@return true? ok
---@return aci.Error? err
function Request:start(status, headers) end

--- Sends a piece; waits while 256 KiB are unsent.
---@param piece string|aci.Secret
---@return true? ok
---@return aci.Error? err
function Request:write(piece) end

--- Ends an answer that was begun with start.
---@return true? ok
---@return aci.Error? err
function Request:finish() end

--- Answers CONNECT with 200 and goes on with TLS on the same connection; its requests come out of
--- the same server:next().
---@return true? ok
---@return aci.Error? err
function Request:tls() end

--- Answers with 101 and goes on in another protocol (a web socket) on the same connection: from now on
--- read gives what the client sends, as it comes and however long it takes, nil when it has ended; write sends
--- bytes as they are, and finish ends. One that has a body, or is of HTTP/1.0, cannot be upgraded.
---@param headers? table<string, any>
---@return true? ok
---@return aci.Error? err
function Request:upgrade(headers) end

---@return boolean # is it answered, or its connection lost?
function Request:over() end

--- Gives it up; the connection ends when it was not answered.
function Request:close() end

return server
