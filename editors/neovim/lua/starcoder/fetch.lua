--- :StarcoderGetModel: has the server fetch a model. Nothing is fetched before its licence was read and accepted.
local commands = require('starcoder.commands')

local M = {}

---@class starcoder.Licence
---@field name string
---@field url string
---@field conditions string

---@class starcoder.KnownModel
---@field name string
---@field title string
---@field bytes integer
---@field memory integer
---@field fetched boolean
---@field licence starcoder.Licence
---@field warning string

---@type { client: integer, request: integer }?
local running

---@param source string
---@param accepted boolean
local function pull(source, accepted)
  local client = vim.lsp.get_clients({ name = 'starcoder' })[1]
  if not client then
    return
  end
  local _, request = client:request(
    'workspace/executeCommand',
    { command = 'starcoder.pullModel', arguments = { source, { switch = true, acceptLicence = accepted } } },
    function(err, result)
      running = nil
      if err then
        vim.notify('starcoder: ' .. err.message, vim.log.levels.ERROR)
      elseif result.licence then
        local licence = result.licence ---@type starcoder.Licence
        local question = ('%s is under %s.\n%s\n%s\nDo you accept it?'):format(result.source, licence.name, licence.conditions, licence.url)
        if vim.fn.confirm(question, '&Yes\n&No', 2) == 1 then
          pull(source, true)
        end
      elseif result.loaded then
        vim.notify('starcoder: got ' .. result.name .. '; keep it with options = { model = "' .. result.name .. '" }')
      end
    end
  )
  running = request and { client = client.id, request = request } or nil
end

---@param model starcoder.KnownModel
---@return string
local function describe(model)
  if not model.bytes then
    return model.title
  end
  local costs = ('%s to fetch, %s of memory'):format(commands.size(model.bytes), commands.size(model.memory))
  local about = model.fetched and 'here already' or costs
  local warning = model.warning ~= '' and '. ' .. model.warning or ''
  return ('%s (%s, %s)%s'):format(model.title, about, model.licence.name, warning)
end

local function recommend()
  vim.notify('starcoder: measuring for a few seconds …')
  commands.ask('starcoder.recommend', {}, function(said)
    if type(said.model) ~= 'string' then
      vim.notify('starcoder: ' .. said.sentence)
    elseif vim.fn.confirm(said.sentence, '&Get it\n&No', 2) == 1 then
      pull(said.model, false)
    end
  end)
end

--- Fetch a model; without a name, pick one.
---@param source string
function M.get(source)
  if source ~= '' then
    pull(source, false)
    return
  end
  commands.ask('starcoder.catalogue', {}, function(models)
    table.insert(models, 1, { title = 'What can this machine run well?' })
    vim.ui.select(models, { prompt = 'Get a StarCoder model', format_item = describe }, function(model)
      if model and model.name then
        pull(model.name, false)
      elseif model then
        recommend()
      end
    end)
  end)
end

--- End the fetch that is under way; what came is kept.
function M.cancel()
  local client = running and vim.lsp.get_client_by_id(running.client)
  if running and client then
    client:cancel_request(running.request) -- Neovim drops the answer of what it cancelled
    running = nil
    vim.notify('starcoder: the download was cancelled; what came is kept')
  else
    vim.notify('starcoder: nothing is being fetched')
  end
end

return M
