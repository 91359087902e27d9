--- A work queue of Prefect. One that was there already is used, and left alone; ours has our description.
local queue = {}

local function description(c) return "acihost " .. c.marker end

function queue.label(thing) return "work queue " .. thing.name end

function queue.read(c, thing) return c.prefect:queue(thing.name) end

function queue.differs() return {} end

function queue.write(c, thing) return c.prefect:put_queue(thing.name, nil, description(c)) end

--- Why a teardown leaves it; nil where it goes.
function queue.keeps(c, _, current)
   if current.description ~= description(c) then return "it was there before: it stays" end
end

function queue.remove(c, thing) return c.prefect:delete_queue(thing.name) end

return queue
