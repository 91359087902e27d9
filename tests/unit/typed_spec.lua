-- Parameters and job variables as they are typed for run.lua.
local errors = require "aci.error"
local json = require "aci.json"
local typed = require "aci.flow.typed"

local function refused(f, ...)
   local ok, err = pcall(f, ...)
   assert.is_false(ok)
   assert.equal(2, errors.exit_code(err), tostring(err))
   return err.message, err.advice
end

describe("typed parameters", function()
   local deployment = { name = "Try", parameters = { scale = 2 }, parameter_openapi_schema = { required = { "numbers",
      "scale" }, definitions = { Colour = { enum = { "red", "blue" } } }, properties = {
      numbers = { type = "array" }, scale = { type = "integer" }, name = { type = "string" },
      who = { anyOf = { { type = "string" }, { type = "null" } } }, colour = { ["$ref"] = "#/definitions/Colour" } } } }

   local function read(...) return typed.parameters({ "numbers=[1,2]", ... }, deployment) end

   it("are JSON where the schema wants that, and text where it wants text", function()
      assert.same({ numbers = { 1, 2 }, name = "3", scale = 5 }, read("name=3", "scale=5"))
      assert.same({ numbers = { 1, 2 }, who = json.null, colour = "red" }, read("who=null", "colour=red"))
      assert.equal("a=b", read("name=a=b").name)
   end)

   it("are refused with the parameter, the cause and an example", function()
      local message, advice = refused(typed.parameters, { "numbers=[1,2" }, deployment)
      assert.matches('"Try" cannot run so: numbers is not of type array ("[1,2" is no JSON: line 1', message, 1, true)
      assert.equal("for example: -p 'numbers=[1,2]'", advice)
      assert.matches('scale is not of type integer: "abc"$', (refused(read, "scale=abc")))
      message, advice = refused(read, "scale=1.5")
      assert.matches("scale is not of type integer$", message)
      assert.equal("for example: -p scale=3", advice)
      assert.matches("colour is none of red, blue", (refused(read, "colour=pink")))
      message, advice = refused(read, "size=1")
      assert.matches('has no parameter "size"', message)
      assert.equal("it has colour, name, numbers, scale, who", advice)
      message, advice = refused(read, "scale")
      assert.matches('"scale" is not NAME=VALUE', message)
      assert.equal("for example: -p limit=3 -p name=orion", advice)
   end)

   it("must be there, unless the deployment has them or the schema a default", function()
      local message, advice = refused(typed.parameters, nil, deployment)
      assert.matches("cannot run so: numbers is required$", message)
      assert.equal("for example: -p 'numbers=[1,2]'", advice)
      deployment.parameter_openapi_schema.properties.numbers.default = json.array {}
      assert.same({}, typed.parameters(nil, deployment))
      deployment.parameter_openapi_schema.properties.numbers.default = nil
   end)

   it("are left to the server where it looks one up, and to a deployment without a schema", function()
      local other = { name = "T", parameters = { numbers = { __prefect_kind = "workspace_variable" } },
         parameter_openapi_schema = deployment.parameter_openapi_schema }
      assert.same({}, typed.parameters({}, other))
      assert.same({ a = 1, b = "x" }, typed.parameters({ "a=1", "b=x" },
         { name = "T", parameter_openapi_schema = json.null }))
   end)
end)

describe("typed job variables", function()
   local pool = { name = "armaci", base_job_template = { variables = { properties = { env = { type = "object" },
      cpu = { type = "number" }, image = { type = "string" } } } } }

   it("are read by the pool's template", function()
      assert.same({ cpu = 2, image = "5", env = { A = "1", B = "x" } },
         typed.job_variables({ "cpu=2", "image=5", "env.A=1", "env.B=x" }, pool))
      assert.same({ env = { A = "1" } }, typed.job_variables({ 'env={"A":"1"}' }, pool))
   end)

   it("are refused where it does not take them", function()
      local message, advice = refused(typed.job_variables, { "env=3" }, pool)
      assert.equal('the work pool "armaci" does not take that: env is not of type object', message)
      assert.equal("for example: -j 'env={\"a\":1}'", advice)
      assert.matches("cpu is not of type number", (refused(typed.job_variables, { "cpu=many" }, pool)))
      assert.matches("image is not of type string", (refused(typed.job_variables, { "image.x=1" }, pool)))
      message, advice = refused(typed.job_variables, { "imag=x" }, pool)
      assert.equal('the work pool "armaci" has no variable "imag"', message)
      assert.equal("did you mean image?", advice)
   end)
end)
