-- What doctor.lua looks at, in this order. Each check is a short file: `run(c)` gives a state ("ok", "note" or
-- "wrong"), what was seen, and what to do about it; an error it raises is a "wrong". A check that `needs`
-- another is passed over when that one is wrong. `acihost --eject checks/all` gives you this list to edit.
return {
   require "checks.clock",
   require "checks.login",
   require "checks.subscription",
   require "checks.permissions",
   require "checks.providers",
   require "checks.quota",
   require "checks.directory",
   require "checks.names",
   require "checks.network",
   require "checks.identity",
   require "checks.storage",
   require "checks.agent",
   require "checks.prefect",
   require "checks.principal",
   require "checks.work",
   require "checks.images",
   require "checks.things",
}
