stds.acihost = { read_globals = { package = { fields = { "beside", "scripts" } } } }
std = "lua54+acihost"
max_line_length = 120
exclude_files = { "build*/", "bindings/meta/" }
files["tests/"] = { std = "+busted" }
ignore = { "212/self", "212/_.*", "213/_.*" }
