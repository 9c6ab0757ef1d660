//! Table of units.

use super::unit::{Dimension, Unit};
use Dimension::*;

const fn unit(
    name: &'static str,
    dimension: Dimension,
    factor: f64,
    spellings: &'static [&'static str],
) -> Unit {
    Unit {
        name,
        dimension,
        factor,
        offset: 0.0,
        spellings,
    }
}

const fn temperature(
    name: &'static str,
    factor: f64,
    offset: f64,
    spellings: &'static [&'static str],
) -> Unit {
    Unit {
        name,
        dimension: Temperature,
        factor,
        offset,
        spellings,
    }
}

const fn currency(name: &'static str, spellings: &'static [&'static str]) -> Unit {
    unit(name, Currency, f64::NAN, spellings)
}

const INCH: f64 = 0.0254;
const FOOT: f64 = 0.3048;
const POUND: f64 = 0.45359237;
const US_GALLON: f64 = 3.785411784;

/// Units by dimension. Spellings of one letter and other ambiguous ones count next to a
/// number only, as [`parse_quantities`](super::parse_quantities) checks.
#[rustfmt::skip]
pub static UNITS: &[Unit] = &[
    unit("nm", Length, 1e-9, &["nm", "nanometer", "nanometers", "nanometre", "nanometres"]),
    unit("µm", Length, 1e-6, &["µm", "μm", "um", "micron", "microns", "micrometer", "micrometers", "micrometre", "micrometres"]),
    unit("mm", Length, 1e-3, &["mm", "mms", "millimeter", "millimeters", "millimetre", "millimetres", "milimeter", "milimetro", "milimetros", "millimètre", "millimètres"]),
    unit("cm", Length, 1e-2, &["cm", "cms", "centimeter", "centimeters", "centimetre", "centimetres", "zentimeter", "centimetro", "centimetros", "centimètre", "centimètres"]),
    unit("dm", Length, 1e-1, &["dm", "decimeter", "decimeters", "decimetre", "decimetres", "dezimeter"]),
    unit("m", Length, 1.0, &["m", "mtr", "mtrs", "meter", "meters", "metre", "metres", "metro", "metros", "mètre", "mètres"]),
    unit("km", Length, 1e3, &["km", "kms", "kilometer", "kilometers", "kilometre", "kilometres"]),
    unit("in", Length, INCH, &["in", "inch", "inches", "inchs", "zoll", "pouces", "pulgadas", "\"", "”", "″", "''", "’’"]),
    unit("ft", Length, FOOT, &["ft", "foot", "feet", "feets", "'", "′", "’"]),
    unit("yd", Length, 0.9144, &["yd", "yds", "yard", "yards"]),
    unit("mi", Length, 1609.344, &["mi", "mile", "miles"]),

    unit("mm²", Area, 1e-6, &["mm²", "mm2", "sq mm", "square millimeters", "square millimetres"]),
    unit("cm²", Area, 1e-4, &["cm²", "cm2", "sq cm", "square centimeters", "square centimetres"]),
    unit("m²", Area, 1.0, &["m²", "m2", "sqm", "sq m", "sq mtr", "sq meter", "sq meters", "square meter", "square meters", "square metre", "square metres"]),
    unit("ha", Area, 1e4, &["ha", "hectare", "hectares"]),
    unit("in²", Area, INCH * INCH, &["in²", "in2", "sq in", "square inch", "square inches"]),
    unit("ft²", Area, FOOT * FOOT, &["ft²", "ft2", "sqft", "sq ft", "square foot", "square feet"]),
    unit("acre", Area, 4046.8564224, &["acre", "acres"]),

    unit("µl", Volume, 1e-6, &["µl", "μl", "microliter", "microliters"]),
    unit("ml", Volume, 1e-3, &["ml", "mls", "milliliter", "milliliters", "millilitre", "millilitres", "mililiter", "mililitro", "mililitros", "cc", "cm³", "cm3"]),
    unit("cl", Volume, 1e-2, &["cl", "centiliter", "centiliters", "centilitre", "centilitres"]),
    unit("dl", Volume, 1e-1, &["dl", "deciliter", "deciliters", "decilitre", "decilitres"]),
    unit("l", Volume, 1.0, &["l", "ltr", "ltrs", "lt", "lts", "liter", "liters", "litre", "litres", "litro", "litros", "ℓ"]),
    unit("m³", Volume, 1e3, &["m³", "m3", "cubic meter", "cubic meters", "cubic metre", "cubic metres"]),
    unit("fl oz", Volume, US_GALLON / 128.0, &["fl oz", "floz", "fl ounce", "fl ounces", "fluid ounce", "fluid ounces", "fluid oz", "us fl oz"]),
    unit("cup", Volume, US_GALLON / 16.0, &["cup", "cups"]),
    unit("pt", Volume, US_GALLON / 8.0, &["pint", "pints"]),
    unit("qt", Volume, US_GALLON / 4.0, &["qt", "qts", "quart", "quarts"]),
    unit("gal", Volume, US_GALLON, &["gal", "gals", "gallon", "gallons", "us gal", "us gallon", "us gallons"]),
    unit("in³", Volume, INCH * INCH * INCH * 1e3, &["cu in", "cubic inch", "cubic inches", "in³"]),
    unit("ft³", Volume, FOOT * FOOT * FOOT * 1e3, &["cu ft", "cuft", "cubic foot", "cubic feet", "cubic ft", "ft³"]),
    unit("tsp", Volume, US_GALLON / 768.0, &["tsp", "teaspoon", "teaspoons"]),
    unit("tbsp", Volume, US_GALLON / 256.0, &["tbsp", "tablespoon", "tablespoons"]),

    unit("µg", Mass, 1e-9, &["µg", "μg", "mcg", "ug", "microgram", "micrograms"]),
    unit("mg", Mass, 1e-6, &["mg", "mgs", "milligram", "milligrams"]),
    unit("ct", Mass, 2e-4, &["carat", "carats", "cttw"]),
    unit("g", Mass, 1e-3, &["g", "gm", "gms", "gr", "gram", "grams", "gramm", "gramme", "grammes", "gramos", "grm", "grms"]),
    unit("kg", Mass, 1.0, &["kg", "kgs", "kilo", "kilos", "kilogram", "kilograms", "kilogramm", "kilogramme", "kilogrammes", "kilogramos"]),
    unit("t", Mass, 1e3, &["tonne", "tonnes", "metric ton", "metric tons"]),
    unit("oz", Mass, POUND / 16.0, &["oz", "ozs", "ounce", "ounces"]),
    unit("lb", Mass, POUND, &["lb", "lbs", "pound", "pounds"]),

    unit("ms", Time, 1e-3, &["ms", "msec", "millisecond", "milliseconds"]),
    unit("s", Time, 1.0, &["sec", "secs", "second", "seconds"]),
    unit("min", Time, 60.0, &["min", "mins", "minute", "minutes", "minuten"]),
    unit("h", Time, 3600.0, &["h", "hr", "hrs", "hour", "hours", "stunden"]),
    unit("d", Time, 86400.0, &["day", "days"]),
    unit("wk", Time, 604800.0, &["week", "weeks"]),
    unit("mo", Time, 2629746.0, &["month", "months", "mths"]),
    unit("yr", Time, 31556952.0, &["yr", "yrs", "year", "years"]),

    temperature("°C", 1.0, 273.15, &["°c", "º c", "ºc", "° c", "℃", "degc", "deg c", "celsius", "degrees c", "degrees celsius"]),
    temperature("°F", 5.0 / 9.0, 459.67, &["°f", "ºf", "° f", "℉", "degf", "deg f", "fahrenheit", "degrees f", "degrees fahrenheit"]),
    temperature("K", 1.0, 0.0, &["kelvin", "K"]),

    unit("mW", Power, 1e-3, &["mW", "milliwatt", "milliwatts"]),
    unit("W", Power, 1.0, &["w", "watt", "watts", "wattage", "vatios"]),
    unit("kW", Power, 1e3, &["kw", "kilowatt", "kilowatts"]),
    unit("MW", Power, 1e6, &["MW", "megawatt", "megawatts"]),
    unit("hp", Power, 745.6998715822702, &["hp", "horsepower", "bhp"]),
    unit("VA", ApparentPower, 1.0, &["va", "volt amperes"]),
    unit("kVA", ApparentPower, 1e3, &["kva"]),

    unit("J", Energy, 1.0, &["J", "joule", "joules"]),
    unit("kJ", Energy, 1e3, &["kj", "kilojoule", "kilojoules"]),
    unit("cal", Energy, 4.184, &["calorie"]),
    unit("kcal", Energy, 4184.0, &["kcal", "kilocalories"]),
    unit("Wh", Energy, 3600.0, &["wh", "watt hour", "watt hours"]),
    unit("kWh", Energy, 3.6e6, &["kwh", "kilowatt hour", "kilowatt hours"]),
    unit("BTU", Energy, 1055.05585262, &["btu", "btus"]),

    unit("mV", Voltage, 1e-3, &["mV", "millivolt", "millivolts"]),
    unit("V", Voltage, 1.0, &["v", "volt", "volts", "vdc", "vac", "v dc", "v ac", "voltage"]),
    unit("kV", Voltage, 1e3, &["kv", "kilovolt", "kilovolts"]),
    unit("mA", Current, 1e-3, &["ma", "milliamp", "milliamps"]),
    unit("A", Current, 1.0, &["A", "amp", "amps", "ampere", "amperes"]),
    unit("mAh", Charge, 1e-3, &["mah", "mahs", "milliamp hour", "milliamp hours"]),
    unit("Ah", Charge, 1.0, &["ah", "amp hour", "amp hours"]),
    unit("Ω", Resistance, 1.0, &["Ω", "ohm", "ohms", "ω"]),
    unit("kΩ", Resistance, 1e3, &["kΩ", "kohm", "kohms", "kω"]),
    unit("Hz", Frequency, 1.0, &["hz", "hertz"]),
    unit("kHz", Frequency, 1e3, &["khz", "kilohertz"]),
    unit("MHz", Frequency, 1e6, &["mhz", "megahertz"]),
    unit("GHz", Frequency, 1e9, &["ghz", "gigahertz"]),
    unit("rpm", RotationalSpeed, 1.0, &["rpm", "rpms"]),
    unit("m/s", Speed, 1.0, &["m/s"]),
    unit("km/h", Speed, 1.0 / 3.6, &["km/h", "kmh", "kmph", "kph"]),
    unit("mph", Speed, 0.44704, &["mph"]),
    unit("ppm", Ratio, 1e-6, &["ppm"]),
    unit("%", Ratio, 1e-2, &["%", "percent", "per cent"]),

    unit("Pa", Pressure, 1.0, &["Pa", "pascal", "pascals"]),
    unit("kPa", Pressure, 1e3, &["kpa"]),
    unit("MPa", Pressure, 1e6, &["MPa", "megapascal"]),
    unit("bar", Pressure, 1e5, &["bar"]),
    unit("psi", Pressure, 6894.757293168, &["psi"]),
    unit("N", Force, 1.0, &["N", "newton", "newtons"]),
    unit("kN", Force, 1e3, &["kn"]),
    unit("Nm", Torque, 1.0, &["Nm", "newton meter", "newton meters"]),

    unit("KB", Storage, 1e3, &["kb", "kbyte", "kbytes", "kilobyte", "kilobytes"]),
    unit("MB", Storage, 1e6, &["mb", "mbyte", "mbytes", "megabyte", "megabytes"]),
    unit("GB", Storage, 1e9, &["gb", "gbyte", "gbytes", "gig", "gigabyte", "gigabytes"]),
    unit("TB", Storage, 1e12, &["tb", "tbyte", "tbytes", "terabyte", "terabytes"]),
    unit("PB", Storage, 1e15, &["pb", "petabyte", "petabytes"]),
    unit("kbit/s", DataRate, 1e3, &["kbps", "kbit/s", "kb/s"]),
    unit("Mbit/s", DataRate, 1e6, &["mbps", "mbit/s", "mbits/s", "Mb/s"]),
    unit("MB/s", DataRate, 8e6, &["MB/s", "MBps"]),
    unit("Gbit/s", DataRate, 1e9, &["gbps", "gbit/s", "Gb/s"]),
    unit("MP", Resolution, 1.0, &["mp", "megapixel", "megapixels", "mega pixel", "mega pixels", "mpix"]),
    unit("dpi", DotDensity, 1.0, &["dpi"]),
    unit("ppi", DotDensity, 1.0, &["ppi"]),
    unit("dB", Sound, 1.0, &["db", "dba", "decibel", "decibels"]),
    unit("lm", Luminous, 1.0, &["lm", "lumen", "lumens"]),
    unit("°", Angle, 1.0, &["°", "º", "degree", "degrees"]),
    unit("g/m²", AreaDensity, 1.0, &["g/m²", "g/m2", "gsm", "gr/m2"]),
    unit("l/min", VolumeFlow, 1.0, &["l/min", "lpm"]),
    unit("l/h", VolumeFlow, 1.0 / 60.0, &["l/h", "lph"]),
    unit("gpm", VolumeFlow, US_GALLON, &["gpm"]),
    unit("cfm", VolumeFlow, FOOT * FOOT * FOOT * 1e3, &["cfm"]),

    currency("USD", &["usd", "$", "us$", "dollar", "dollars"]),
    currency("EUR", &["eur", "€", "euro", "euros"]),
    currency("GBP", &["gbp", "£"]),
    currency("JPY", &["jpy", "¥", "yen"]),
    currency("INR", &["inr", "₹", "rs", "rupees"]),

    unit("dozen", Count, 12.0, &["dozen", "dozens", "dz"]),
    unit("", Count, 1.0, &[
        "count", "piece", "pieces", "pc", "pcs", "pce", "ct", "cts", "counts", "pk", "pks", "pack", "packs", "pkt", "pkts", "packet",
        "packets", "pkg", "pkgs", "package", "packages", "unit", "units", "each", "ea", "box", "boxes", "bx", "carton",
        "cartons", "ctn", "case", "bag", "bags", "set", "sets", "roll", "rolls", "sheet", "sheets", "tablet",
        "tablets", "capsule", "capsules", "caplets", "softgel", "softgels", "gummies", "lozenges", "pills",
        "sachets", "teabags", "tea bags", "pods", "wipes", "pads", "diapers", "items", "stück", "stk", "pièces",
        "piezas", "unidades", "lot", "pair", "pairs", "bottles", "cans",
    ]),
];
