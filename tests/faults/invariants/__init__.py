"""What must hold of orders, and of logs: functions of the evidence and the verdict."""
