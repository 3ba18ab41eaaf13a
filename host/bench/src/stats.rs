//! The little statistics that a price list needs.

/// Returns the value below which this share of the sorted samples lies; 0 without samples.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let place = (last as f64 * share).round() as usize;
    sorted.get(place).copied().unwrap_or(0.0)
}

/// The middle one; 0 of none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        // Of an even number the mean of the two in the middle: rounds are few.
        even if even % 2 == 0 => f64::midpoint(sorted[even / 2 - 1], sorted[even / 2]),
        odd => sorted[odd / 2],
    }
}

/// The least and the greatest.
pub fn range(values: &[f64]) -> (f64, f64) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if values.is_empty() {
        (0.0, 0.0)
    } else {
        (low, high)
    }
}

/// The interval of the median, with 95 % and more, by the order of the values alone: nothing
/// is assumed of how they are spread. Of fewer than six values, the least and the greatest;
/// zeros of none.
pub fn interval(values: &[f64]) -> (f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len();
    // The chance that at most `below` of the values lie below the median they come from.
    let mut tail = 0.0;
    let mut chance = 0.5_f64.powf(count as f64);
    let mut cut = 0;
    for below in 0..count / 2 {
        tail += chance;
        if 2.0 * tail > 0.05 {
            break;
        }
        cut = below;
        chance *= (count - below) as f64 / (below + 1) as f64;
    }
    range(sorted.get(cut..count - cut).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let sorted: Vec<f64> = (0..=100).map(f64::from).collect();
        assert_eq!(quantile(&sorted, 0.5), 50.0);
        assert_eq!(quantile(&sorted, 0.95), 95.0);
        assert_eq!(quantile(&sorted, 1.0), 100.0);
        assert_eq!(quantile(&[7.0], 0.99), 7.0);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }

    #[test]
    fn the_interval_of_nine_is_from_the_second_to_the_eighth() {
        let values = [5.0, 1.0, 9.0, 2.0, 8.0, 3.0, 7.0, 4.0, 6.0];
        assert_eq!(interval(&values), (2.0, 8.0));
        assert_eq!(interval(&values[..5]), (1.0, 9.0), "too few for 95 %");
        assert_eq!(interval(&[]), (0.0, 0.0));
    }

    #[test]
    fn the_median_needs_no_order_and_no_odd_number() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[]), 0.0);
        assert_eq!(range(&[3.0, 1.0, 2.0]), (1.0, 3.0));
        assert_eq!(range(&[]), (0.0, 0.0));
    }
}
