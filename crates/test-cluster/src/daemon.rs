//! The names of things in a cluster.

/// What a test needs, with everything below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// NameNode and DataNode.
    Hdfs,
    /// Hive 4's metastore on HDFS.
    Metastore,
    /// Hive 3.1.3's metastore on HDFS.
    Metastore3,
    /// HiveServer2, with the metastore of Hive 4.
    Hive,
    /// One Kafka broker.
    Kafka,
    /// ResourceManager, NodeManager and ZooKeeper, with HDFS.
    Yarn,
}

impl Part {
    /// As `cluster up` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hdfs => "hdfs",
            Self::Metastore => "metastore",
            Self::Metastore3 => "metastore3",
            Self::Hive => "hive",
            Self::Kafka => "kafka",
            Self::Yarn => "yarn",
        }
    }
}

/// A process of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "their names say it")]
pub enum Daemon {
    NameNode,
    DataNode,
    ZooKeeper,
    ResourceManager,
    NodeManager,
    Metastore,
    Metastore3,
    HiveServer2,
    Kafka,
}

impl Daemon {
    /// As `cluster status` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NameNode => "namenode",
            Self::DataNode => "datanode",
            Self::ZooKeeper => "zookeeper",
            Self::ResourceManager => "resourcemanager",
            Self::NodeManager => "nodemanager",
            Self::Metastore => "metastore",
            Self::Metastore3 => "metastore3",
            Self::HiveServer2 => "hiveserver2",
            Self::Kafka => "kafka",
        }
    }
}
