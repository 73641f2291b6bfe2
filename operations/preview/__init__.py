"""`make preview-comment`: a preview as a comment of a pull request."""
