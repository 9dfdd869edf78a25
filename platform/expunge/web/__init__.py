"""The pages of data-protection officers, approvers, engineers and auditors."""
