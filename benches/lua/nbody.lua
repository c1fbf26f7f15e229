-- Bodies that attract one another: float fields of records.
local bodies = {
  { x = 0.0, y = 0.0, z = 0.0, vx = 0.0, vy = 0.0, vz = 0.0, mass = 39.5 },
  { x = 4.8, y = -1.2, z = -0.1, vx = 0.6, vy = 2.8, vz = -0.02, mass = 0.037 },
  { x = 8.3, y = 4.1, z = -0.4, vx = -1.0, vy = 1.8, vz = 0.008, mass = 0.011 },
  { x = 12.9, y = -15.1, z = -0.2, vx = 1.1, vy = 0.9, vz = -0.01, mass = 0.0017 },
  { x = 15.4, y = -25.9, z = 0.2, vx = 0.98, vy = 0.6, vz = -0.03, mass = 0.002 },
}
local function advance(dt)
  local n = #bodies
  for i = 1, n do
    local a = bodies[i]
    for j = i + 1, n do
      local b = bodies[j]
      local dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
      local d2 = dx * dx + dy * dy + dz * dz
      local mag = dt / (d2 * d2 ^ 0.5)
      local ma, mb = a.mass * mag, b.mass * mag
      a.vx, a.vy, a.vz = a.vx - dx * mb, a.vy - dy * mb, a.vz - dz * mb
      b.vx, b.vy, b.vz = b.vx + dx * ma, b.vy + dy * ma, b.vz + dz * ma
    end
  end
  for i = 1, n do
    local a = bodies[i]
    a.x, a.y, a.z = a.x + dt * a.vx, a.y + dt * a.vy, a.z + dt * a.vz
  end
end
for _ = 1, 250000 do advance(0.001) end
print(string.format("%.9f %.9f", bodies[1].x, bodies[5].vz))
