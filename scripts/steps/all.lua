-- The steps of the set-up. setup.lua makes them, status.lua shows them, teardown.lua removes them from the
-- last to the first. `acihost --eject steps/all` gives you this list to edit, `--eject steps/storage` a step;
-- a step says itself what it needs, so those that do not need each other run at once.
return {
   require "steps.queue",
   require "steps.group",
   require "steps.registry", -- nothing, unless config.lua asks for it
   require "steps.template",
   require "steps.principal",
   require "steps.pool",
   require "steps.storage",
   require "steps.blocks",
   require "steps.deployments",
}
