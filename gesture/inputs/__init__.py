"""What networks are fed: order, batches, pictures, augmentation."""
