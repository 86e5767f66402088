// A register tile of 4 rows and 8 columns: row r is the two vec4 tr0 and tr1.
struct Tile4x8 {
  t00: vec4f, t01: vec4f,
  t10: vec4f, t11: vec4f,
  t20: vec4f, t21: vec4f,
  t30: vec4f, t31: vec4f,
}
