//! Units of measure.

/// What a unit measures. Units of one dimension convert into each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dimension {
    Length,
    Area,
    Volume,
    Mass,
    Time,
    Temperature,
    Power,
    ApparentPower,
    Energy,
    Voltage,
    Current,
    Charge,
    Resistance,
    Frequency,
    RotationalSpeed,
    Speed,
    Pressure,
    Force,
    Torque,
    Storage,
    DataRate,
    Resolution,
    DotDensity,
    Sound,
    Luminous,
    Angle,
    Ratio,
    AreaDensity,
    VolumeFlow,
    Currency,
    Count,
}

/// Unit of measure. `base = (value + offset) * factor` gives the base unit of the
/// dimension.
#[derive(Debug)]
pub struct Unit {
    /// Name in normalized values, such as `kg`; empty for a plain count.
    pub name: &'static str,
    pub dimension: Dimension,
    /// NaN for currencies, which do not convert.
    pub factor: f64,
    pub offset: f64,
    /// Spellings in texts, in lower case unless the case matters. The first is a
    /// spelling for definitions.
    pub spellings: &'static [&'static str],
}

impl PartialEq for Unit {
    fn eq(&self, other: &Self) -> bool {
        self.dimension == other.dimension && self.name == other.name
    }
}

impl Unit {
    /// `value` of this unit in `target`; `None` if the dimensions differ.
    pub fn convert(&self, value: f64, target: &Unit) -> Option<f64> {
        if self.dimension != target.dimension {
            return None;
        }
        if self == target {
            return Some(value);
        }
        Some((value + self.offset) * self.factor / target.factor - target.offset)
    }
}
