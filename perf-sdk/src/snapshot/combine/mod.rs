//! Addition and subtraction of snapshots.

mod merge;
mod order;
mod subtract;

#[cfg(test)]
mod tests;
